//! Responsible for which fields of a run are asked for: those that the bridge needs, the usual ones, and what a person adds.
//! It does not ask and does not read answers.

/// Without these a run could not be told from others, counted or followed.
const NEEDED: [&str; 11] = [
    "ID",
    "PROJECT_ID",
    "TRACE_ID",
    "PARENT_RUN_IDS",
    "IS_ROOT",
    "NAME",
    "RUN_TYPE",
    "STATUS",
    "START_TIME",
    "END_TIME",
    "LATENCY_SECONDS",
];

/// What becomes a column. None of them holds what users of the traced program wrote, but for what a program puts into
/// errors, tags and metadata.
const USUAL: [&str; 25] = [
    "FIRST_TOKEN_TIME",
    "ERROR",
    "METADATA",
    "DOTTED_ORDER",
    "THREAD_ID",
    "TAGS",
    "TOTAL_TOKENS",
    "PROMPT_TOKENS",
    "COMPLETION_TOKENS",
    "TOTAL_COST",
    "PROMPT_COST",
    "COMPLETION_COST",
    "PROMPT_TOKEN_DETAILS",
    "COMPLETION_TOKEN_DETAILS",
    "PROMPT_COST_DETAILS",
    "COMPLETION_COST_DETAILS",
    "PRICE_MODEL_ID",
    "FEEDBACK_STATS",
    "REFERENCE_EXAMPLE_ID",
    "REFERENCE_DATASET_ID",
    "IS_IN_DATASET",
    "APP_PATH",
    "LAST_QUEUED_AT",
    "THREAD_EVALUATION_TIME",
    "LS_USER_ID",
];

/// What is asked for only where a person wants it: contents, which users of the traced program wrote.
const CONTENTS: [&str; 9] = [
    "INPUTS",
    "OUTPUTS",
    "EVENTS",
    "EXTRA",
    "MANIFEST",
    "ATTACHMENTS",
    "INPUTS_PREVIEW",
    "OUTPUTS_PREVIEW",
    "ERROR_PREVIEW",
];

/// The fields that are asked for, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Selection {
    fields: Vec<&'static str>,
}

/// One word of the `selects` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// `NAME`: one of the optional fields that are asked for instead of the usual ones.
    Only(&'static str),
    /// `+NAME`: besides.
    Also(&'static str),
    /// `-NAME`: not.
    Not(&'static str),
}

/// Whether the bridge cannot do without this field.
pub(crate) fn is_needed(field: &str) -> bool {
    NEEDED.contains(&field)
}

impl Selection {
    /// The needed fields, those that `choices` leave, and the contents that are `switched_on` by a setting of their own.
    pub(crate) fn resolve(choices: &[Choice], switched_on: &[&str]) -> Self {
        let is_replaced = |choice: &Choice| matches!(choice, Choice::Only(_));
        let is_usual = !choices.iter().any(is_replaced);
        let optional = USUAL.into_iter().chain(CONTENTS).filter(|name| {
            let has = |choice: Choice| choices.contains(&choice);
            let is_wanted = (is_usual && USUAL.contains(name))
                || has(Choice::Only(name))
                || has(Choice::Also(name))
                || switched_on.contains(name);
            is_wanted && !has(Choice::Not(name))
        });
        Self {
            fields: NEEDED.into_iter().chain(optional).collect(),
        }
    }

    /// The names as version 2 of the API knows them.
    pub(crate) fn fields(&self) -> &[&'static str] {
        &self.fields
    }
}

impl Choice {
    /// Reads one word of the setting, in any case.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let (sign, name) = match text.strip_prefix(['+', '-']) {
            Some(name) => (text.chars().next(), name),
            None => (None, text),
        };
        let name = name.to_uppercase();
        if name == "SHARE_URL" {
            return Err("SHARE_URL is a secret that the bridge does not read".into());
        }
        let known = NEEDED.into_iter().chain(USUAL).chain(CONTENTS);
        let Some(known) = known.into_iter().find(|known| *known == name) else {
            return Err(format!(
                "expected a field such as TAGS, +INPUTS_PREVIEW or -METADATA; the optional ones are {}",
                [&USUAL[..], &CONTENTS[..]].concat().join(", ")
            ));
        };
        match sign {
            Some('-') if NEEDED.contains(&known) => {
                Err(format!("the bridge cannot do without {known}"))
            }
            Some('-') => Ok(Self::Not(known)),
            Some(_) => Ok(Self::Also(known)),
            None => Ok(Self::Only(known)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn select(choices: &[&str], switched_on: &[&str]) -> Vec<&'static str> {
        let choices: Vec<Choice> = choices
            .iter()
            .map(|text| Choice::parse(text).unwrap())
            .collect();
        Selection::resolve(&choices, switched_on).fields
    }

    #[test]
    fn what_users_wrote_is_asked_for_only_where_it_is_wanted() {
        let usual = select(&[], &[]);
        assert_eq!(usual.len(), NEEDED.len() + USUAL.len());
        for private in CONTENTS.into_iter().chain(["SHARE_URL"]) {
            assert!(!usual.contains(&private), "{private}");
        }
        let wanted = select(&["+inputs_preview"], &["INPUTS", "EVENTS"]);
        assert_eq!(
            wanted[usual.len()..],
            ["INPUTS", "EVENTS", "INPUTS_PREVIEW"]
        );
    }

    #[test]
    fn a_list_replaces_the_optional_fields_and_keeps_the_needed_ones() {
        let few = select(&["TAGS", "TOTAL_COST"], &["OUTPUTS"]);
        assert_eq!(few[..NEEDED.len()], NEEDED);
        assert_eq!(few[NEEDED.len()..], ["TAGS", "TOTAL_COST", "OUTPUTS"]);
        let fewer = select(&["-METADATA"], &[]);
        assert_eq!(fewer.len(), select(&[], &[]).len() - 1);
    }

    #[test]
    fn what_cannot_be_selected_is_said() {
        for (text, reason) in [
            ("SHARE_URL", "secret"),
            ("-ID", "cannot do without ID"),
            ("TOKENS", "TOTAL_TOKENS"),
        ] {
            let error = Choice::parse(text).unwrap_err();
            assert!(error.contains(reason), "{error}");
        }
    }
}
