//! Where the processes of a run meet, as a launcher's environment variables say it.

use std::time::Duration;

use illia_core::{Error, Result};

/// Where the processes of a run meet, and which of them this one is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendezvous {
    /// This process's number, from 0.
    pub rank: usize,
    /// How many processes there are.
    pub size: usize,
    /// This process's number on its host, from 0: which device is its own.
    pub local_rank: usize,
    /// The host on which the store is served, by rank 0 unless a launcher does.
    pub address: String,
    /// The port of the store there.
    pub port: u16,
    /// How long a process waits for the others, when they meet and in each collective; 5 minutes unless said.
    pub timeout: Duration,
    /// Whether the launcher serves the store, as torchrun's agent does.
    pub served: bool,
    /// How often the launcher has started the processes anew.
    pub restarts: usize,
}

/// How a launcher says who a process is: rank, number of processes, number on the host.
const LAUNCHERS: [[&str; 3]; 4] = [
    ["RANK", "WORLD_SIZE", "LOCAL_RANK"],
    ["SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"],
    ["OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"],
    ["PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID"],
];

impl Rendezvous {
    /// Process `rank` of `size`, where rank 0 serves the store on `port` of `address`.
    pub fn new(rank: usize, size: usize, address: &str, port: u16) -> Self {
        let address = address.to_owned();
        let timeout = Duration::from_secs(300);
        Rendezvous { rank, size, local_rank: rank, address, port, timeout, served: false, restarts: 0 }
    }

    /// What the environment variables of torchrun (`RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `MASTER_ADDR`, `MASTER_PORT`), of a
    /// step of SLURM's, of Open MPI or of MPICH say; None where there are none of them.
    ///
    /// `MASTER_ADDR` and `MASTER_PORT` name the host and port of rank 0 under every launcher; under SLURM they default to the step's
    /// first host and a port that follows from the job's number.
    ///
    /// # Errors
    /// [`Error::Configuration`] for a variable that is missing beside the others, or is no number in its range.
    pub fn from_env() -> Result<Option<Self>> {
        Self::of(&|name| std::env::var(name).ok())
    }

    fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Option<Self>> {
        let says = |names: &&[&str; 3]| variable(names[0]).is_some() && variable(names[1]).is_some();
        let Some([rank, size, local]) = LAUNCHERS.iter().find(says) else {
            // One of the two alone is a mistake that would otherwise train several runs beside each other.
            let [rank, size, _] = LAUNCHERS[0];
            return match [(rank, size), (size, rank)].into_iter().find(|(name, _)| variable(name).is_some()) {
                None => Ok(None),
                Some((name, missing)) => {
                    let allowed = format!("only together with {missing}");
                    Err(Error::configuration(name, variable(name).unwrap_or_default(), &allowed))
                }
            };
        };
        let slurm = rank.starts_with("SLURM");
        let number = |name: &str| -> Result<Option<usize>> {
            let Some(text) = variable(name) else { return Ok(None) };
            let number =
                text.trim().parse().map_err(|_| Error::configuration(name, &text, "a number from 0"));
            number.map(Some)
        };
        let (rank_name, rank) = (*rank, number(rank)?.unwrap_or_default());
        let size = number(size)?.unwrap_or_default();
        if rank >= size {
            return Err(Error::configuration(
                rank_name,
                rank,
                &format!("below the number of processes, {size}"),
            ));
        }
        let local_rank = number(local)?.unwrap_or(0);
        let missing = |name: &str| {
            Error::configuration(name, "", "the host or port of rank 0, where there are several processes")
        };
        let first_host = || variable("SLURM_STEP_NODELIST").filter(|_| slurm).map(|list| first_of(&list));
        let address = match variable("MASTER_ADDR").or_else(first_host) {
            Some(address) => address,
            None if size == 1 => String::new(),
            None => return Err(missing("MASTER_ADDR")),
        };
        let port = match (variable("MASTER_PORT"), number("SLURM_JOB_ID")?) {
            (Some(text), _) => {
                let port = text.trim().parse::<u16>();
                port.map_err(|_| Error::configuration("MASTER_PORT", &text, "a port, 1 to 65535"))?
            }
            // Below where systems begin to hand ports out, and another one for the jobs beside.
            (None, Some(job)) if slurm => 12_000 + (job % 20_000) as u16,
            (None, _) if size == 1 => 0,
            (None, _) => return Err(missing("MASTER_PORT")),
        };
        let served = variable("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|text| text == "True");
        let restarts = number("TORCHELASTIC_RESTART_COUNT")?.unwrap_or(0);
        Ok(Some(Rendezvous { local_rank, served, restarts, ..Rendezvous::new(rank, size, &address, port) }))
    }

    /// The host whose address Gloo listens at, where it is not this one's own name: all processes are on one machine.
    pub(crate) fn loopback(&self) -> Option<&str> {
        let literal = |ip: std::net::IpAddr| ip.is_loopback();
        let local = self.address == "localhost" || self.address.parse().is_ok_and(literal);
        local.then_some(self.address.as_str())
    }
}

/// The first host of a list in SLURM's form: `node[03-08,11],login1` -> `node03`.
fn first_of(list: &str) -> String {
    match list.find(['[', ',']) {
        Some(at) if list[at..].starts_with('[') => {
            let (prefix, rest) = list.split_at(at);
            let first: String = rest.chars().skip(1).take_while(|c| !",-]".contains(*c)).collect();
            let suffix =
                rest.split_once(']').map_or("", |(_, after)| after.split(',').next().unwrap_or_default());
            format!("{prefix}{first}{suffix}")
        }
        Some(at) => list[..at].to_owned(),
        None => list.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Result<Option<Rendezvous>> {
        Rendezvous::of(&|name| {
            variables.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn no_launcher_is_no_rendezvous() {
        assert_eq!(of(&[("MASTER_PORT", "1"), ("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]).unwrap(), None);
    }

    #[test]
    fn torchruns_variables_with_its_agents_store() {
        let variables = [
            ("RANK", "3"),
            ("WORLD_SIZE", "4"),
            ("LOCAL_RANK", "1"),
            ("MASTER_ADDR", "10.0.0.1"),
            ("MASTER_PORT", "29400"),
        ];
        let plain = Rendezvous { local_rank: 1, ..Rendezvous::new(3, 4, "10.0.0.1", 29400) };
        assert_eq!(of(&variables).unwrap(), Some(plain.clone()));
        let agent = [("TORCHELASTIC_USE_AGENT_STORE", "True"), ("TORCHELASTIC_RESTART_COUNT", "2")];
        let served = Rendezvous { served: true, restarts: 2, ..plain };
        assert_eq!(of(&[&variables[..], &agent].concat()).unwrap(), Some(served));
    }

    #[test]
    fn slurms_variables_need_no_address() {
        let variables = [
            ("SLURM_PROCID", "5"),
            ("SLURM_STEP_NUM_TASKS", "8"),
            ("SLURM_LOCALID", "1"),
            ("SLURM_STEP_NODELIST", "gpu[017-020],cpu3"),
            ("SLURM_JOB_ID", "48123456"),
        ];
        let expected = Rendezvous { local_rank: 1, ..Rendezvous::new(5, 8, "gpu017", 12_000 + 3456) };
        assert_eq!(of(&variables).unwrap(), Some(expected));
        for (list, first) in [("a1", "a1"), ("a1,b2", "a1"), ("n[3,7]", "n3"), ("n[01-02].lan,x", "n01.lan")]
        {
            assert_eq!(first_of(list), first, "{list}");
        }
    }

    #[test]
    fn mpis_variables_want_an_address() {
        let variables = [("OMPI_COMM_WORLD_RANK", "0"), ("OMPI_COMM_WORLD_SIZE", "2")];
        assert!(of(&variables).unwrap_err().to_string().contains("MASTER_ADDR"));
        let alone = [("PMI_RANK", "0"), ("PMI_SIZE", "1")];
        assert_eq!(of(&alone).unwrap().map(|r| (r.rank, r.size)), Some((0, 1)));
    }

    #[test]
    fn what_makes_no_sense_is_said() {
        for (variables, word) in [
            (vec![("RANK", "0")], "WORLD_SIZE"),
            (vec![("WORLD_SIZE", "2")], "only together with RANK"),
            (vec![("RANK", "2"), ("WORLD_SIZE", "2")], "below the number of processes, 2"),
            (vec![("RANK", "-1"), ("WORLD_SIZE", "2")], "a number from 0"),
            (vec![("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "x")], "MASTER_PORT"),
            (
                vec![("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "x"), ("MASTER_PORT", "70000")],
                "65535",
            ),
        ] {
            let said = of(&variables).unwrap_err().to_string();
            assert!(said.contains(word), "{said}");
        }
    }
}
