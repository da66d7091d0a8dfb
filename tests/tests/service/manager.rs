//! A service manager in a machine, the system's or one person's, with the programs installed under it.
//! It judges nothing.

use std::process::Output;

use end_to_end::wait_for_condition;

use crate::machine::Machine;

/// Whose service manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// The machine's own: the first process.
    System,
    /// That of a person who is not root.
    Person,
}

/// Where the person's things lie.
const HOME: &str = "/home/ada";
/// What systemd-logind would do at her login: no such thing runs in the machine.
const USER_MANAGER: &str = "\
[Service]
Type=notify
User=%i
Slice=user-%i.slice
Delegate=yes
RuntimeDirectory=user/%i
RuntimeDirectoryMode=0700
Environment=XDG_RUNTIME_DIR=/run/user/%i
ExecStart=/usr/lib/systemd/systemd --user
KillMode=mixed
";

/// A service manager with the programs installed, and nothing started.
pub(crate) struct Manager {
    pub(crate) machine: Machine,
    whose: Whose,
    uid: String,
}

impl Manager {
    /// Boots a machine and installs into it.
    pub(crate) fn with_everything_installed(whose: Whose) -> Self {
        let machine = Machine::boot();
        let mut uid = "0".to_owned();
        if whose == Whose::Person {
            machine.say(&["useradd", "--create-home", "--home-dir", HOME, "ada"]);
            uid = machine.say(&["id", "-u", "ada"]).trim().to_owned();
            machine.shell(&format!(
                "echo '{USER_MANAGER}' >/etc/systemd/system/user@.service
                 systemctl daemon-reload
                 systemctl start user@{uid}.service"
            ));
        }
        let manager = Self {
            machine,
            whose,
            uid,
        };
        manager.install(&["--no-start"]);
        manager
    }

    /// Installs as this manager's owner would; what was said.
    pub(crate) fn install(&self, options: &[&str]) -> String {
        let mut words = vec!["scripts/install", "--programs", "/srv/programs"];
        if self.whose == Whose::Person {
            words.push("--user");
        }
        words.extend(options);
        self.owner_says(&words)
    }

    /// Runs a command as whoever this manager belongs to.
    pub(crate) fn run(&self, words: &[&str]) -> Output {
        let (home, runtime) = (
            format!("HOME={HOME}"),
            format!("XDG_RUNTIME_DIR=/run/user/{}", self.uid),
        );
        let mut all = vec![];
        if self.whose == Whose::Person {
            let person = ["setpriv", "--reuid=ada", "--regid=ada", "--init-groups"];
            all.extend(person);
            all.extend(["env", &home, &runtime]);
        }
        all.extend(words);
        self.machine.run(&all)
    }

    /// The same, and it has to succeed.
    pub(crate) fn owner_says(&self, words: &[&str]) -> String {
        let output = self.run(words);
        assert!(output.status.success(), "{words:?}: {output:#?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// `systemctl` of this manager.
    pub(crate) fn systemctl(&self, words: &[&str]) -> Output {
        let mut all = vec!["systemctl", "--no-pager"];
        if self.whose == Whose::Person {
            all.push("--user");
        }
        all.extend(words);
        self.run(&all)
    }

    /// The same, and it has to succeed.
    pub(crate) fn systemctl_says(&self, words: &[&str]) -> String {
        let output = self.systemctl(words);
        assert!(
            output.status.success(),
            "systemctl {words:?}: {output:#?}\n{}",
            self.journal(&[])
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A property of the coordinator's unit.
    pub(crate) fn property(&self, name: &str) -> String {
        let value =
            self.systemctl_says(&["show", "--value", "--property", name, "coordinator.service"]);
        value.trim().to_owned()
    }

    /// Waits until a property is so.
    pub(crate) fn wait_for_property(&self, name: &str, fits: impl Fn(&str) -> bool) -> String {
        wait_for_condition(&format!("{name} of the unit"), || {
            let value = self.property(name);
            if fits(&value) {
                Ok(value)
            } else {
                Err((value, self.journal(&[])))
            }
        })
    }

    /// What the journal has of the coordinator's unit, the text alone.
    pub(crate) fn journal(&self, options: &[&str]) -> String {
        let unit = match self.whose {
            Whose::System => "_SYSTEMD_UNIT=coordinator.service".to_owned(),
            Whose::Person => "_SYSTEMD_USER_UNIT=coordinator.service".to_owned(),
        };
        let mut words = vec!["journalctl", "--no-pager", "--output=cat"];
        words.extend(options);
        words.push(&unit);
        self.machine.say(&words)
    }

    /// The folder with agents.toml.
    pub(crate) fn configuration(&self) -> String {
        match self.whose {
            Whose::System => "/etc/agents".to_owned(),
            Whose::Person => format!("{HOME}/.config/agents"),
        }
    }

    /// The folder with the database.
    pub(crate) fn state(&self) -> String {
        match self.whose {
            Whose::System => "/var/lib/agents".to_owned(),
            Whose::Person => format!("{HOME}/.local/state/agents"),
        }
    }

    /// The control socket.
    pub(crate) fn socket(&self) -> String {
        match self.whose {
            Whose::System => "/run/agents/coordinator.sock".to_owned(),
            Whose::Person => format!("/run/user/{}/agents/coordinator.sock", self.uid),
        }
    }

    /// Where a program was put.
    pub(crate) fn program(&self, name: &str) -> String {
        match self.whose {
            Whose::System => format!("/usr/local/bin/{name}"),
            Whose::Person => format!("{HOME}/.local/bin/{name}"),
        }
    }

    /// Who the coordinator runs as.
    pub(crate) fn user(&self) -> &'static str {
        match self.whose {
            Whose::System => "agents",
            Whose::Person => "ada",
        }
    }

    /// Puts this into agents.toml, whose rights stay.
    pub(crate) fn write_agents(&self, text: &str) {
        let file = format!("{}/agents.toml", self.configuration());
        self.machine
            .shell(&format!("cat >{file} <<'END'\n{text}\nEND"));
    }

    /// Adds keys to the section [Service] of the coordinator's unit, as an administrator does.
    pub(crate) fn add_to_unit(&self, keys: &str) {
        let units = match self.whose {
            Whose::System => "/etc/systemd/system".to_owned(),
            Whose::Person => format!("{HOME}/.config/systemd/user"),
        };
        self.machine.shell(&format!(
            "mkdir -p {units}/coordinator.service.d
             printf '[Service]\\n%b\\n' '{keys}' >{units}/coordinator.service.d/test.conf"
        ));
        self.systemctl_says(&["daemon-reload"]);
    }
}
