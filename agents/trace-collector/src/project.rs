//! Responsible for the identity of projects that have only a name: no server gives them an id here.
//! It does not know which projects there are.

use uuid::Uuid;

/// Where runs go that name no project, as with LangSmith.
pub(crate) const DEFAULT_PROJECT: &str = "default";

/// The namespace of local projects. Never to be changed: the ids of all local projects come from it.
const NAMESPACE: Uuid = uuid::uuid!("6f1f4c8e-3d0a-4b5e-9a43-0b6f2a7c1d90");

/// The id of the local project of this name: always the same, on every machine.
pub fn project_id(name: &str) -> String {
    Uuid::new_v5(&NAMESPACE, name.as_bytes()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_never_changes() {
        assert_eq!(
            project_id("default"),
            "e8952467-17f9-5f9e-b7f9-86991482bd4a"
        );
        assert_ne!(project_id("default"), project_id("Default"));
    }
}
