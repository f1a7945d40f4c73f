//! What figures were measured on. They mean little without.

use coracle_base::shards;
use serde::{Deserialize, Serialize};

/// A machine, as its kernel describes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    pub(crate) system: String,
    /// How TCP adapts to the network: some ways of it set a timer for what they send, also to the machine itself.
    #[serde(default = "unknown")]
    pub(crate) congestion_control: String,
    /// The load average of the minute before the run: an idle machine has 0.
    pub(crate) load_before: f64,
}

impl Machine {
    pub(crate) fn read() -> Self {
        let file = |path| std::fs::read_to_string(path).unwrap_or_default();
        let (cpu, memory, release) = (file("/proc/cpuinfo"), file("/proc/meminfo"), file("/etc/os-release"));
        let memory_kib: u64 = field(&memory, "MemTotal", ':').and_then(|value| value.split(' ').next()?.parse().ok()).unwrap_or(0);
        Self {
            cpu: field(&cpu, "model name", ':').map_or_else(unknown, str::to_owned),
            cores: shards::cores().get(),
            memory_mib: memory_kib / 1_024,
            kernel: format!("{} {}", file("/proc/sys/kernel/ostype").trim(), file("/proc/sys/kernel/osrelease").trim()),
            system: field(&release, "PRETTY_NAME", '=').map_or_else(unknown, |name| name.trim_matches('"').to_owned()),
            congestion_control: Some(file("/proc/sys/net/ipv4/tcp_congestion_control").trim().to_owned())
                .filter(|name| !name.is_empty())
                .unwrap_or_else(unknown),
            load_before: file("/proc/loadavg").split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0),
        }
    }
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The value of the first line `name<separator>value`.
fn field<'a>(text: &'a str, name: &str, separator: char) -> Option<&'a str> {
    text.lines().filter_map(|line| line.split_once(separator)).find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_by_name() {
        let text = "processor\t: 0\nmodel name\t: Big CPU @ 3 GHz\nmodel name\t: other\n";
        assert_eq!(field(text, "model name", ':'), Some("Big CPU @ 3 GHz"));
        assert_eq!(field("NAME=a\nPRETTY_NAME=\"Some Linux 12\"", "PRETTY_NAME", '='), Some("\"Some Linux 12\""));
        assert_eq!(field(text, "cores", ':'), None);
    }
}
