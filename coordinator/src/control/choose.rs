//! Which instances a client means by its names. It changes nothing.

use wildmatch::WildMatch;

use crate::board::View;

/// The indices that the names mean, in the order of start; all for no name or `all`. `Err`: the first name that means none.
pub(super) fn choose(views: &[View], names: &[String]) -> Result<Vec<usize>, String> {
    let patterns: Vec<WildMatch> = names.iter().map(|name| WildMatch::new(name)).collect();
    let means = |pattern: &WildMatch, view: &View| {
        pattern.matches(&view.name) || pattern.matches(&view.agent)
    };
    for (name, pattern) in names.iter().zip(&patterns) {
        if name != "all" && !views.iter().any(|view| means(pattern, view)) {
            return Err(name.clone());
        }
    }
    let is_all = names.is_empty() || names.iter().any(|name| name == "all");
    let is_meant = |view: &View| is_all || patterns.iter().any(|pattern| means(pattern, view));
    Ok((0..views.len())
        .filter(|index| is_meant(&views[*index]))
        .collect())
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
            next_attempt_ms: None,
            heartbeat: None,
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
