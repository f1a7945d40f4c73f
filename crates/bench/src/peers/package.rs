//! Where a peer comes from, and how its registry's own client installs it into the benchmark's folder. What is there is not installed again.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, Result, bail};

use crate::terminal::note;

/// A package of a registry.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Package {
    /// From crates.io, compiled here: some ten minutes.
    Crate { name: &'static str, version: &'static str, program: &'static str },
    /// From the npm registry; `program` lies below `node_modules`.
    Npm { name: &'static str, version: &'static str, program: &'static str },
    /// From PyPI; `program` lies below `site-packages`.
    PyPi { name: &'static str, version: &'static str, program: &'static str },
    /// From the distribution. These go where the system has its programs, so root has to install them.
    Debian { names: &'static [&'static str], programs: &'static [&'static str] },
}

/// Where a distribution puts programs, for users whose path leaves out the administrator's.
const SYSTEM_FOLDERS: &[&str] = &["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Package {
    /// The program, installed first if it is missing and `may_install`.
    pub(super) fn find(&self, folder: &Path, may_install: bool) -> Result<PathBuf> {
        if let Some(program) = self.installed(folder) {
            return Ok(program);
        }
        if !may_install {
            bail!("{} is not installed", self.label());
        }
        note(&format!("installing {} …", self.label()));
        self.install(folder).with_context(|| format!("{} cannot be installed", self.label()))?;
        self.installed(folder).with_context(|| format!("{} was installed, but its program is not where it should be", self.label()))
    }

    /// What its program says of itself, or the version that was asked for.
    pub(super) fn version(&self, program: &Path) -> String {
        match self {
            Self::Crate { version, .. } | Self::Npm { version, .. } | Self::PyPi { version, .. } => (*version).to_owned(),
            Self::Debian { .. } => {
                let output = Command::new(program).arg("--version").output();
                let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
                text.split_whitespace().find(|word| word.contains('.') && !word.contains('/')).unwrap_or("unknown").to_owned()
            }
        }
    }

    fn label(&self) -> String {
        match self {
            Self::Crate { name, version, .. } => format!("`{name}` {version} from crates.io"),
            Self::Npm { name, version, .. } => format!("`{name}` {version} from npm"),
            Self::PyPi { name, version, .. } => format!("`{name}` {version} from PyPI"),
            Self::Debian { names, .. } => format!("`{}` from the distribution", names.join("` and `")),
        }
    }

    fn installed(&self, folder: &Path) -> Option<PathBuf> {
        let program = match self {
            Self::Crate { name, version, program } => folder.join(format!("{name}-{version}/bin/{program}")),
            Self::Npm { name, version, program } => folder.join(format!("{name}-{version}/node_modules/{program}")),
            Self::PyPi { name, version, program } => {
                let library = folder.join(format!("{name}-{version}/lib"));
                let pythons = std::fs::read_dir(library).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
                pythons.map(|python| python.join("site-packages").join(program)).find(|path| path.is_file())?
            }
            Self::Debian { programs, .. } => {
                let find = |program: &&str| SYSTEM_FOLDERS.iter().map(|folder| Path::new(folder).join(program)).find(|path| path.is_file());
                let found: Option<Vec<PathBuf>> = programs.iter().map(find).collect();
                found?.into_iter().next()?
            }
        };
        program.is_file().then_some(program)
    }

    fn install(&self, folder: &Path) -> Result<()> {
        match self {
            Self::Crate { name, version, .. } => {
                let root = folder.join(format!("{name}-{version}"));
                let mut cargo = Command::new("cargo");
                cargo.args(["install", "--locked", "--version", &format!("={version}"), "--root"]).arg(root).arg(name);
                run(&mut cargo)
            }
            Self::Npm { name, version, .. } => {
                let root = folder.join(format!("{name}-{version}"));
                std::fs::create_dir_all(&root)?;
                let mut npm = Command::new("npm");
                npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--prefix"]).arg(root).arg(format!("{name}@{version}"));
                run(&mut npm)
            }
            Self::PyPi { name, version, .. } => {
                let root = folder.join(format!("{name}-{version}"));
                run(Command::new("python3").args(["-m", "venv"]).arg(&root))?;
                run(Command::new(root.join("bin/pip")).args(["install", "--quiet", &format!("{name}=={version}")]))
            }
            Self::Debian { names, .. } => {
                if !rustix::process::geteuid().is_root() {
                    bail!("only root may; as root, run `apt-get install {}`", names.join(" "));
                }
                let mut install = Command::new("apt-get");
                install.args(["install", "--yes", "--no-install-recommends"]).args(*names).env("DEBIAN_FRONTEND", "noninteractive");
                // The list of packages may be missing or older than the packages.
                run(&mut install).or_else(|_| run(Command::new("apt-get").arg("update")).and_then(|()| run(&mut install)))
            }
        }
    }
}

/// Runs an installer whose words matter only if it fails.
fn run(command: &mut Command) -> Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("`{program}` is not there"))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gives no reason");
    bail!("`{program}` ended with {}: {last}", output.status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_installer_says_last_is_the_reason() {
        let error = run(Command::new("sh").args(["-c", "echo a >&2; echo 'no network' >&2; exit 3"])).unwrap_err();
        assert!(error.to_string().ends_with("no network"), "{error}");
        assert_eq!(run(&mut Command::new("no-such-program-here")).unwrap_err().to_string(), "`no-such-program-here` is not there");
    }

    #[test]
    fn a_program_in_the_folder_is_not_installed_again() {
        let folder = tempfile::tempdir().unwrap();
        let package = Package::Npm { name: "n", version: "1.2.3", program: "n/bin/n" };
        let program = folder.path().join("n-1.2.3/node_modules/n/bin/n");
        std::fs::create_dir_all(program.parent().unwrap()).unwrap();
        std::fs::write(&program, "").unwrap();
        assert_eq!(package.find(folder.path(), true).unwrap(), program);
        assert_eq!(package.version(&program), "1.2.3");
    }
}
