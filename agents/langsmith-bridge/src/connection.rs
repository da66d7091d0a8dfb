//! Responsible for making a client from the environment and the settings, or saying what a person has to set first.
//! It sends nothing.

use crate::api_key::ApiKey;
use crate::client::Client;
use crate::endpoint::Endpoint;
use crate::environment::Environment;
use crate::settings::Configuration;

/// A client, and the word for its key in messages.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) client: Client,
    pub(crate) key_variable: String,
}

/// What a person has to set first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Unset {
    /// There is no key; why a profile has none either, with a semicolon in front, or nothing.
    Missing(String),
    /// Something is set and cannot be used.
    Wrong(String),
}

impl Connection {
    /// Everything that is needed to ask, or what is wrong, by the name of the variable.
    pub(crate) fn new(
        environment: Environment,
        configuration: &Configuration,
    ) -> Result<Self, Unset> {
        let Some(found) = environment.api_key else {
            let why = environment.profile.why_no_key;
            return Err(Unset::Missing(
                why.map_or(String::new(), |why| format!("; {why}")),
            ));
        };
        let key = ApiKey::new(found.value)
            .map_err(|error| Unset::Wrong(format!("{} {error}", found.variable)))?;
        let endpoint = Endpoint::parse(&configuration.endpoint)
            .map_err(|error| Unset::Wrong(format!("the endpoint (LANGSMITH_ENDPOINT) {error}")))?;
        let workspace_id = configuration.workspace_id.as_deref();
        let client = Client::new(endpoint, key, workspace_id, configuration.timeouts)
            .map_err(|error| Unset::Wrong(format!("failed to {error}")))?;
        Ok(Self {
            client,
            key_variable: found.variable,
        })
    }
}
