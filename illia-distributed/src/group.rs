//! The processes of a run, joined over Gloo.

use std::sync::Arc;

use illia_core::processes::{ProcessGroup, Reduction};
use illia_core::{Error, Result};
use tch::{Device, Tensor};

use crate::raw::{self, Meeting, Op};
use crate::rendezvous::Rendezvous;

/// The processes of a run, joined by libtorch's own engine (c10d: `TCPStore`, Gloo). A clone is another handle on the same group.
///
/// ```
/// use illia_core::processes::{ProcessGroup, Reduction};
/// use illia_distributed::Group;
/// use tch::Tensor;
///
/// // Without a launcher's variables: this process alone.
/// let group = Group::from_env()?;
/// let mut ones = Tensor::from_slice(&[1.0f32, 1.0]);
/// group.all_reduce(&mut ones, Reduction::Sum)?;
/// assert_eq!(ones.double_value(&[0]), group.size() as f64);
/// # Ok::<(), illia_core::Error>(())
/// ```
///
/// Tensors on the CPU travel as they are; those of other devices through the host's memory. NCCL is not bound.
#[derive(Debug, Clone)]
pub struct Group {
    meeting: Rendezvous,
    /// None for one process, which has nobody to talk to.
    raw: Option<Arc<raw::Group>>,
}

impl Group {
    /// Joins the group that the launcher's environment variables name ([`Rendezvous::from_env`]); where there are none, this process
    /// is a group by itself.
    ///
    /// # Errors
    /// As [`Rendezvous::from_env`] and [`join`](Self::join).
    pub fn from_env() -> Result<Self> {
        Self::join(&Rendezvous::from_env()?.unwrap_or_else(|| Rendezvous::new(0, 1, "", 0)))
    }

    /// Joins a group, and returns when all processes of it have come.
    ///
    /// # Errors
    /// [`Error::Processes`] if the port is taken, if rank 0 is not found, if a process does not come within the
    /// timeout, if two say that they are the same one, or if they do not agree on how many they are;
    /// [`Error::Configuration`] for a rank that is not below the size.
    pub fn join(meeting: &Rendezvous) -> Result<Self> {
        if meeting.rank >= meeting.size {
            let allowed = format!("below the number of processes, {}", meeting.size);
            return Err(Error::configuration("rank", meeting.rank, &allowed));
        }
        if meeting.size == 1 {
            return Ok(Group { meeting: meeting.clone(), raw: None });
        }
        let serves = meeting.rank == 0 && !meeting.served;
        let interfaces = std::env::var("GLOO_SOCKET_IFNAME").unwrap_or_default();
        let raw = raw::Group::new(&Meeting {
            address: &meeting.address,
            port: meeting.port,
            serves,
            prefix: &format!("illia/{}", meeting.restarts),
            rank: meeting.rank,
            size: meeting.size,
            interfaces: &interfaces,
            host: meeting.loopback().unwrap_or_default(),
            milliseconds: i64::try_from(meeting.timeout.as_millis()).unwrap_or(i64::MAX / 2),
        });
        match raw {
            Ok(raw) => Ok(Group { meeting: meeting.clone(), raw: Some(Arc::new(raw)) }),
            Err(message) => Err(failure(meeting, "join", &message)),
        }
    }

    /// Where they met.
    pub fn rendezvous(&self) -> &Rendezvous {
        &self.meeting
    }

    /// Runs a collective on a dense copy of `tensor` in the host's memory, or on itself if it is that; then `tensor` has the result.
    fn on_host(
        &self,
        collective: &'static str,
        tensor: &mut Tensor,
        run: impl FnOnce(&raw::Group, &mut Tensor) -> std::result::Result<(), String>,
    ) -> Result<()> {
        let Some(raw) = &self.raw else { return Ok(()) };
        let _no_grad = tch::no_grad_guard();
        let mut host = host_of(tensor);
        run(raw, &mut host).map_err(|message| failure(&self.meeting, collective, &message))?;
        if !host.is_set_to(tensor) {
            tensor.f_copy_(&host)?;
        }
        Ok(())
    }
}

/// The tensor itself where it is dense and on the CPU, else a copy that is.
fn host_of(tensor: &Tensor) -> Tensor {
    let host = tensor.detach();
    match host.device() == Device::Cpu && host.is_contiguous() {
        true => host,
        false => host.to_device(Device::Cpu).contiguous(),
    }
}

impl ProcessGroup for Group {
    fn rank(&self) -> usize {
        self.meeting.rank
    }

    fn size(&self) -> usize {
        self.meeting.size
    }

    fn all_reduce(&self, tensor: &mut Tensor, reduction: Reduction) -> Result<()> {
        let op = if reduction == Reduction::Max { Op::Max } else { Op::Sum };
        self.on_host("all-reduce", tensor, |raw, host| raw.all_reduce(host, op))?;
        if reduction == Reduction::Mean && self.raw.is_some() {
            tch::no_grad(|| tensor.f_div_scalar_(self.size() as f64).map(drop))?;
        }
        Ok(())
    }

    fn broadcast(&self, tensor: &mut Tensor, root: usize) -> Result<()> {
        if root >= self.size() {
            return Err(Error::configuration(
                "root",
                root,
                &format!("below the number of processes, {}", self.size()),
            ));
        }
        self.on_host("broadcast", tensor, |raw, host| raw.broadcast(host, root))
    }

    fn all_gather(&self, tensor: &Tensor) -> Result<Vec<Tensor>> {
        let host = host_of(tensor);
        let Some(raw) = &self.raw else { return Ok(vec![host.copy().to_device(tensor.device())]) };
        let mut all: Vec<Tensor> = (0..self.size()).map(|_| host.empty_like()).collect();
        raw.all_gather(&host, &mut all).map_err(|message| failure(&self.meeting, "all-gather", &message))?;
        Ok(all.into_iter().map(|one| one.to_device(tensor.device())).collect())
    }

    fn barrier(&self) -> Result<()> {
        let Some(raw) = &self.raw else { return Ok(()) };
        raw.barrier().map_err(|message| failure(&self.meeting, "barrier", &message))
    }
}

/// c10d's message as an error: what it means for the run first, then its own first line.
fn failure(meeting: &Rendezvous, collective: &'static str, message: &str) -> Error {
    let line = message.lines().next().unwrap_or_default().trim();
    // Gloo puts the place in its source in front.
    let line = match line.split_once("] ") {
        Some((place, rest)) if place.starts_with('[') && place.contains(".cc") => rest,
        _ => line,
    };
    let (said, waited) = (line.to_lowercase(), meeting.timeout.as_secs_f64());
    let has = |words: &[&str]| words.iter().any(|word| said.contains(word));
    let at = format!("{}:{}", meeting.address, meeting.port);
    let problem = if has(&["address already in use", "eaddrinuse", "failed to listen"]) {
        format!("port {} is in use: choose another MASTER_PORT ({line})", meeting.port)
    } else if collective == "join" && has(&["connect", "timed out", "timeout"]) {
        format!(
            "rank 0 was not found at {at} within {waited} s: is it running, and is that its address? ({line})"
        )
    } else if has(&[
        "closed by peer",
        "reset by peer",
        "broken pipe",
        "connection closed",
        "connection refused",
    ]) {
        format!("another process has ended ({line})")
    } else if has(&["timed out", "timeout"]) {
        format!("another process gave no answer within {waited} s ({line})")
    } else {
        line.to_owned()
    };
    Error::Processes { rank: meeting.rank, collective, problem }
}
