//! Starts the processes of a run, on a port that the system picks, and ends them.

use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// No run of these tests takes as long.
const PATIENCE: Duration = Duration::from_secs(240);

/// A port that nothing listens at.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// The processes of a run.
pub struct Run(Vec<Child>);

impl Drop for Run {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Starts a process for each job, in the order of the ranks.
pub fn start(jobs: &[Value]) -> Run {
    start_at(free_port(), jobs)
}

pub fn start_at(port: u16, jobs: &[Value]) -> Run {
    let one = |(rank, job): (usize, &Value)| {
        let said = job["world_size"].as_u64().unwrap_or(jobs.len() as u64);
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["one_process", "--exact", "--ignored", "--nocapture"]);
        command.env("ILLIA_TEST_JOB", job.to_string()).env("OMP_NUM_THREADS", "1");
        command
            .env("RANK", rank.to_string())
            .env("WORLD_SIZE", said.to_string())
            .env("LOCAL_RANK", rank.to_string());
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        for (name, value) in job["env"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap());
        }
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    Run(jobs.iter().enumerate().map(one).collect())
}

impl Run {
    /// What each process came to: nothing, or its sentence. All have to end.
    pub fn ended(mut self) -> Vec<Result<(), String>> {
        let start = Instant::now();
        while self.0.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
            assert!(start.elapsed() < PATIENCE, "a process hangs");
            std::thread::sleep(Duration::from_millis(5));
        }
        let outputs = std::mem::take(&mut self.0).into_iter().map(|child| child.wait_with_output().unwrap());
        outputs
            .map(|Output { status, stderr, .. }| match status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&stderr).into_owned()),
            })
            .collect()
    }

    /// The same where all have to succeed.
    pub fn succeeded(self) {
        for (rank, result) in self.ended().into_iter().enumerate() {
            result.unwrap_or_else(|sentence| panic!("rank {rank}: {sentence}"));
        }
    }

    pub fn process(&mut self, rank: usize) -> &mut Child {
        &mut self.0[rank]
    }
}
