//! Which instances a client means by its names. It changes nothing.

use wildmatch::WildMatch;

use crate::board::View;

/// The indices that the names mean, in the order of start; all for no name or `all`. `Err`: the first name that means none.
pub(super) fn choose(views: &[View], names: &[String]) -> Result<Vec<usize>, String> {
    let shown: Vec<(usize, &View)> = views
        .iter()
        .enumerate()
        .filter(|(_, view)| view.is_shown())
        .collect();
    let chosen = choose_by(&shown, |(_, view)| (&view.name, &view.agent), names)?;
    Ok(chosen.into_iter().map(|at| shown[at].0).collect())
}

/// The same among anything that has the name of an instance and that of its agent.
pub(crate) fn choose_by<'a, T>(
    all: &'a [T],
    names_of: impl Fn(&'a T) -> (&'a str, &'a str),
    names: &[String],
) -> Result<Vec<usize>, String> {
    let meant = Meant::new(names);
    for (name, pattern) in names.iter().zip(&meant.patterns) {
        let is_of_pattern = |item| matches(pattern, names_of(item));
        if name != "all" && !all.iter().any(is_of_pattern) {
            return Err(name.clone());
        }
    }
    Ok((0..all.len())
        .filter(|index| meant.includes(names_of(&all[*index])))
        .collect())
}

/// Whom names mean, also those that are not there yet.
#[derive(Debug)]
pub(crate) struct Meant {
    patterns: Vec<WildMatch>,
    is_all: bool,
}

impl Meant {
    pub(crate) fn new(names: &[String]) -> Self {
        Self {
            patterns: names.iter().map(|name| WildMatch::new(name)).collect(),
            is_all: names.is_empty() || names.iter().any(|name| name == "all"),
        }
    }

    /// Whether it is everybody.
    pub(crate) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Whether this instance of this agent is one of them.
    pub(crate) fn includes(&self, instance_and_agent: (&str, &str)) -> bool {
        let is_of_pattern = |pattern| matches(pattern, instance_and_agent);
        self.is_all || self.patterns.iter().any(is_of_pattern)
    }
}

fn matches(pattern: &WildMatch, (instance, agent): (&str, &str)) -> bool {
    pattern.matches(instance) || pattern.matches(agent)
}

#[cfg(test)]
mod tests {
    use shared_state::InstanceState;

    use super::*;

    fn views() -> Vec<View> {
        let view = |name: &str, agent: &str| View {
            name: name.into(),
            agent: agent.into(),
            protocol: "json",
            state: InstanceState::Running,
            goal_up: true,
            reason: String::new(),
            pid: None,
            started: None,
            invocation_id: None,
            restarts: 0,
            last_exit: None,
            has_succeeded: false,
            next_attempt_ms: None,
            heartbeats: 0,
            heartbeat: None,
            containment: "cgroup",
            limits: Vec::new(),
            is_removed: false,
        };
        vec![
            view("web", "web"),
            view("worker:0", "worker"),
            view("worker:1", "worker"),
        ]
    }

    fn chosen(names: &[&str]) -> Result<Vec<usize>, String> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        choose(&views(), &names)
    }

    #[test]
    fn agents_instances_patterns_and_all_are_understood() {
        assert_eq!(chosen(&["worker"]), Ok(vec![1, 2]));
        assert_eq!(chosen(&["worker:1", "web"]), Ok(vec![0, 2]));
        assert_eq!(chosen(&["w*"]), Ok(vec![0, 1, 2]));
        assert_eq!(chosen(&["all"]), Ok(vec![0, 1, 2]));
        assert_eq!(chosen(&[]), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_name_that_means_nobody_is_told() {
        assert_eq!(chosen(&["web", "wbe"]), Err("wbe".into()));
        assert_eq!(chosen(&["x*"]), Err("x*".into()));
    }
}
