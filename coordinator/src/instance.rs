//! One instance as the coordinator runs it: configuration, ids and what it is told at its start. It changes nothing.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::rc::Rc;

use agent_protocol::{CoordinatorHello, PROTOCOL_VERSION};
use coordinator_config::{AgentConfig, Protocol, Settings, Signal};
use lifecycle::Policy;
use serde_json::Value;

/// Cursors of an agent as last acknowledged; shared by its instances, so that a restart needs no question to the database.
pub(crate) type Cursors = Rc<RefCell<BTreeMap<String, Value>>>;

/// One instance of an agent.
#[derive(Clone, Debug)]
pub(crate) struct Instance {
    /// Its place in the order of start.
    pub(crate) index: usize,
    /// Which replica, from 0; with the agent's name it identifies the instance for good.
    pub(crate) ordinal: usize,
    /// `NAME` or `NAME:ORDINAL`.
    pub(crate) name: String,
    /// Its row.
    pub(crate) instance_id: i64,
    /// What was configured, shared by all instances of the agent.
    pub(crate) config: Rc<AgentConfig>,
    /// The rules of its lifecycle.
    pub(crate) policy: Rc<Policy>,
    /// How far the agent has come.
    pub(crate) cursors: Cursors,
    /// Restarts before this start of the coordinator.
    pub(crate) restarts_before: u64,
}

impl Instance {
    pub(crate) fn speaks(&self) -> bool {
        self.config.protocol == Protocol::Json
    }

    /// The environment of one invocation: what the configuration says, and by what the coordinator introduces itself.
    pub(crate) fn environment(
        &self,
        own: &[(OsString, OsString)],
        invocation_id: i64,
        settings: &Settings,
    ) -> BTreeMap<OsString, OsString> {
        let mut environment = self.config.environment(own.iter().cloned());
        let introduction = [
            ("AGENT_NAME", OsString::from(&self.config.name)),
            ("AGENT_INSTANCE", OsString::from(&self.name)),
            ("INSTANCE", OsString::from(self.ordinal.to_string())),
            (
                "AGENT_INVOCATION",
                OsString::from(invocation_id.to_string()),
            ),
            ("SHARED_STATE_SQLITE", settings.database.clone().into()),
            ("COORDINATOR_SOCKET", settings.socket.clone().into()),
        ];
        for (name, value) in introduction {
            environment.insert(name.into(), value);
        }
        environment
    }

    /// The first message to one invocation.
    pub(crate) fn hello(&self, invocation_id: i64, settings: &Settings) -> CoordinatorHello {
        CoordinatorHello {
            protocol: PROTOCOL_VERSION,
            agent: self.config.name.clone(),
            instance: self.name.clone(),
            invocation: invocation_id,
            config: Value::Object(self.config.config.clone()),
            database: settings.database.to_string_lossy().into_owned(),
            socket: settings.socket.to_string_lossy().into_owned(),
            cursors: self.cursors.borrow().clone(),
        }
    }
}

/// The signal as the kernel knows it.
pub(crate) fn kernel_signal(signal: Signal) -> nix::sys::signal::Signal {
    use nix::sys::signal::Signal as Kernel;
    match signal {
        Signal::Term => Kernel::SIGTERM,
        Signal::Int => Kernel::SIGINT,
        Signal::Quit => Kernel::SIGQUIT,
        Signal::Hup => Kernel::SIGHUP,
        Signal::Abrt => Kernel::SIGABRT,
        Signal::Usr1 => Kernel::SIGUSR1,
        Signal::Usr2 => Kernel::SIGUSR2,
        Signal::Kill => Kernel::SIGKILL,
    }
}
