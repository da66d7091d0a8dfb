//! `scripts/install` and `scripts/uninstall`: what they put where, that a second run changes nothing, and that nothing is left.
//! That the installed services work is seen in `under_systemd`.

use std::path::Path;
use std::process::Command;

use end_to_end::program;

use crate::machine::Machine;
use crate::manager::{Manager, Whose};

const INSTALL: &str = "scripts/install --programs /srv/programs";
const UNCHANGED: &str = "everything is in place already\n";

/// Every file and folder where something could be put, without what systemd keeps for itself and the lists of users.
fn everything(machine: &Machine) -> String {
    machine.shell(
        "find /etc /home /opt /usr/lib/systemd /usr/lib/sysusers.d /usr/local /usr/share/man /usr/share/bash-completion /var/lib \
         /var/log -path /var/lib/systemd -prune -o -printf '%M %u:%g %p\\n' \
         | grep -vE ' /etc/(\\.pwd\\.lock|(passwd|group|shadow|gshadow|subuid|subgid)-?)$' | sort -k3",
    )
}

#[test]
fn puts_everything_in_place_with_the_right_modes() {
    let machine = Machine::boot();
    machine.shell(INSTALL);
    let places = machine.shell(
        "stat -c '%a %U:%G %n' /usr/local/bin/coordinator /usr/local/bin/dashboard /usr/local/bin/langsmith-bridge \
         /usr/local/bin/performance-monitor /usr/local/share/man/man1/coordinator.1 \
         /usr/local/share/bash-completion/completions/coordinator /etc/systemd/system/coordinator.service /etc/systemd/system/dashboard.service \
         /etc/agents /etc/agents/agents.toml /etc/agents/coordinator.env /etc/agents/dashboard.env \
         /var/lib/agents /var/lib/agents/shared_state.db /var/log/agents /run/agents /run/agents/coordinator.sock",
    );
    assert_eq!(
        places,
        "\
755 root:root /usr/local/bin/coordinator
755 root:root /usr/local/bin/dashboard
755 root:root /usr/local/bin/langsmith-bridge
755 root:root /usr/local/bin/performance-monitor
644 root:root /usr/local/share/man/man1/coordinator.1
644 root:root /usr/local/share/bash-completion/completions/coordinator
644 root:root /etc/systemd/system/coordinator.service
644 root:root /etc/systemd/system/dashboard.service
750 root:agents /etc/agents
640 root:agents /etc/agents/agents.toml
640 root:agents /etc/agents/coordinator.env
640 root:agents /etc/agents/dashboard.env
2750 agents:agents /var/lib/agents
640 agents:agents /var/lib/agents/shared_state.db
2750 agents:agents /var/log/agents
750 agents:agents /run/agents
600 agents:agents /run/agents/coordinator.sock
"
    );
    for unit in ["coordinator", "dashboard"] {
        assert_eq!(machine.say(&["systemctl", "is-enabled", unit]), "enabled\n");
        assert_eq!(machine.say(&["systemctl", "is-active", unit]), "active\n");
    }
}

#[test]
fn a_second_run_changes_nothing_and_says_so() {
    let machine = Machine::boot();
    machine.shell(INSTALL);
    let pid = "systemctl show --value -p MainPID coordinator dashboard";
    let (before, pids) = (everything(&machine), machine.shell(pid));
    assert_eq!(machine.shell(INSTALL), UNCHANGED);
    assert_eq!(everything(&machine), before);
    assert_eq!(machine.shell(pid), pids, "nothing was restarted");
}

#[test]
fn mends_rights_and_leaves_configuration_as_it_is() {
    let machine = Machine::boot();
    machine.shell(&format!("{INSTALL} --no-start"));
    machine.shell(
        "echo '# mine' >/etc/agents/agents.toml; echo KEY=secret >/etc/agents/coordinator.env
         chmod 0644 /etc/agents/coordinator.env; chown root:root /var/lib/agents; chmod 0777 /var/lib/agents
         rm /usr/local/bin/dashboard",
    );
    assert_eq!(
        machine.shell(&format!("{INSTALL} --no-start")),
        "\
made /usr/local/bin/dashboard
gave /var/lib/agents to agents:agents
set the mode of /var/lib/agents to 2750
set the mode of /etc/agents/coordinator.env to 0640
"
    );
    assert_eq!(
        machine.shell("cat /etc/agents/agents.toml /etc/agents/coordinator.env"),
        "# mine\nKEY=secret\n"
    );
    let inactive = machine.run(&["systemctl", "is-active", "coordinator", "dashboard"]);
    assert!(!inactive.status.success(), "nothing was started");
}

#[test]
fn uninstalling_keeps_data_and_purging_leaves_nothing() {
    let machine = Machine::boot();
    let before = everything(&machine);
    machine.shell(INSTALL);
    machine.shell("scripts/uninstall");
    let kept = machine.shell("cd /; ls etc/agents/agents.toml var/lib/agents/shared_state.db");
    assert_eq!(kept.lines().count(), 2, "{kept}");
    let gone = machine.shell(
        "ls /usr/local/bin; systemctl list-units --all --no-legend 'coordinator*' 'dashboard*'",
    );
    assert!(
        !gone.contains("coordinator") && !gone.contains("dashboard"),
        "{gone}"
    );
    // What was kept is found again.
    machine.shell(&format!("{INSTALL} && scripts/uninstall --purge"));
    assert_eq!(everything(&machine), before);
    let users = machine.shell("getent passwd; getent group");
    assert!(!users.contains("agents"), "{users}");
    assert_eq!(
        machine.shell("scripts/uninstall"),
        "nothing is installed below /usr/local\n"
    );
}

#[test]
fn a_person_installs_for_herself_alone() {
    let manager = Manager::with_everything_installed(Whose::Person);
    assert_eq!(manager.install(&["--no-start"]), UNCHANGED);
    let said = manager.install(&[]);
    assert!(said.contains("started coordinator.service"), "{said}");
    manager.wait_for_property("StatusText", |text| text == "2 agents: 2 RUNNING");
    let places = manager.machine.shell(
        "cd /home/ada; stat -c '%a %U %n' .config/agents/agents.toml .local/bin/coordinator .local/state/agents \
         .local/state/agents/shared_state.db; ls -d /etc/agents /var/lib/agents 2>/dev/null || true",
    );
    assert_eq!(
        places,
        "640 ada .config/agents/agents.toml\n755 ada .local/bin/coordinator\n700 ada .local/state/agents\n640 ada .local/state/agents/shared_state.db\n"
    );
    manager.owner_says(&["scripts/uninstall", "--user", "--purge"]);
    let left = manager
        .machine
        .shell("find /home/ada -name '*agents*' -o -name '*.service' -o -path '*bin/*'");
    assert_eq!(left, "");
}

#[test]
fn a_tree_for_a_package_is_filled_without_root_or_services() {
    let tree = tempfile::tempdir().expect("a folder for temporary files is writable");
    let programs = program("coordinator");
    let run = |script: &str, options: &[&str]| {
        let mut command = Command::new(
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .join("../scripts")
                .join(script),
        );
        command
            .arg("--root")
            .arg(tree.path())
            .args(["--prefix", "/usr"]);
        let output = command.args(options).output().expect("it is a script");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let folder = programs.parent().and_then(Path::to_str).expect("UTF-8");
    run("install", &["--programs", folder]);
    for made in [
        "usr/bin/coordinator",
        "usr/lib/systemd/system/dashboard.service",
        "usr/lib/sysusers.d/agents.conf",
        "etc/agents/agents.toml",
        "var/lib/agents",
    ] {
        assert!(tree.path().join(made).exists(), "{made} is missing");
    }
    let unit = tree
        .path()
        .join("usr/lib/systemd/system/coordinator.service");
    let unit = std::fs::read_to_string(unit).expect("it is there");
    assert!(
        unit.contains("ExecStart=/usr/bin/coordinator ") && !unit.contains("/usr/local"),
        "{unit}"
    );
    assert_eq!(run("install", &["--programs", folder]), UNCHANGED);
    run("uninstall", &["--purge"]);
    let mut left = Vec::new();
    let mut folders = vec![tree.path().to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(folder).expect("it can be read");
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path)
            } else {
                left.push(path)
            }
        }
    }
    assert!(left.is_empty(), "files are left: {left:?}");
}
