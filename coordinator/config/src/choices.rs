//! Values of which there are only a few.
//! What each choice does is the coordinator's business.

/// Declares an enum whose values are words in the file, one list for the reader, the schema and the printer.
macro_rules! choices {
    ($(#[$meta:meta])* $name:ident, $what:literal { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
        pub enum $name {
            $($(#[$doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            pub(crate) const WHAT: &str = $what;
            pub(crate) const WORDS: &[(&str, Self)] = &[$(($word, Self::$variant),)+];

            /// The word for it in the file.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }
    };
}

choices! {
    /// What an agent prints on its stdout.
    Protocol, "what the agent prints" {
        /// JSON messages, one a line; other lines go to its log.
        Json = "json",
        /// Anything; all of it goes to its log.
        None = "none",
    }
}

choices! {
    /// When an agent that ended is started again.
    Restart, "when it is restarted" {
        /// Whatever its end was.
        Always = "always",
        /// Unless its exit code is one of `success_exit_codes`.
        OnFailure = "on-failure",
        /// Not at all.
        Never = "never",
    }
}

choices! {
    /// What has to be true of an agent before those that depend on it start.
    Condition, "a condition" {
        /// A process of it lives, or it has finished.
        Started = "started",
        /// It is ready.
        Ready = "ready",
        /// It has finished with one of its `success_exit_codes`.
        Completed = "completed",
    }
}

choices! {
    /// What happens if a time of the schedule comes while the run before is still going.
    Overlap, "what happens then" {
        /// That time is left out.
        Skip = "skip",
        /// One run, never more, follows right after.
        Queue = "queue",
    }
}

choices! {
    /// The look of the coordinator's own log on its terminal.
    LogFormat, "a log format" {
        /// Text on a terminal, JSON lines otherwise.
        Auto = "auto",
        /// Text.
        Text = "text",
        /// JSON lines.
        Json = "json",
    }
}

choices! {
    /// What the coordinator's own log leaves out.
    LogLevel, "a log level" {
        /// Only what failed.
        Error = "error",
        /// Also what may fail soon.
        Warn = "warn",
        /// Also what an operator wants to see happen.
        Info = "info",
        /// Also what explains a decision.
        Debug = "debug",
        /// Everything.
        Trace = "trace",
    }
}

choices! {
    /// What a power cut may take from the database.
    Synchronous, "a durability" {
        /// The last commits, never the file's consistency.
        Normal = "normal",
        /// Nothing that was committed, at one fsync for each commit.
        Full = "full",
    }
}

choices! {
    /// A signal that ends a program or that it may take as the wish to end.
    Signal, "a signal" {
        /// SIGTERM
        Term = "TERM",
        /// SIGINT
        Int = "INT",
        /// SIGQUIT
        Quit = "QUIT",
        /// SIGHUP
        Hup = "HUP",
        /// SIGABRT
        Abrt = "ABRT",
        /// SIGUSR1
        Usr1 = "USR1",
        /// SIGUSR2
        Usr2 = "USR2",
        /// SIGKILL
        Kill = "KILL",
    }
}

impl Signal {
    /// The name with its prefix, such as `SIGTERM`.
    #[must_use]
    pub fn full_name(self) -> String {
        format!("SIG{}", self.as_str())
    }
}
