//! Responsible for turning a configured base URL into the URLs of the API.
//! It does not send anything and does not know regions beyond naming them in a hint.

use reqwest::Url;

/// Where requests go when nothing is configured: the first of LangSmith's cloud regions.
pub(crate) const DEFAULT_ENDPOINT: &str = "https://api.smith.langchain.com";

/// A usable base of the API, without `/api` and version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    base: Url,
}

/// The configured text is no base URL.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EndpointError {
    /// It is no URL at all.
    #[error("is not a URL")]
    NotAUrl(#[from] NotAUrl),
    /// Its scheme is not one that LangSmith speaks.
    #[error("begins with `{0}:`, expected https: or http:")]
    Scheme(String),
}

/// The URL parser's complaint.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct NotAUrl(String);

impl Endpoint {
    /// Normalises what people write: quotes, trailing slashes, `/api` and `/api/v1` at the end.
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim().trim_matches(['"', '\'']).trim();
        let mut base = Url::parse(text).map_err(|error| NotAUrl(error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(EndpointError::Scheme(base.scheme().to_owned()));
        }
        if base.host().is_none() {
            return Err(NotAUrl("it names no host".into()).into());
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = without_api_suffix(base.path()).to_owned();
        base.set_path(&path);
        Ok(Self { base })
    }

    /// The URL of `path`, which begins with `/api/`.
    pub(crate) fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let joined = format!("{}{path}", self.base.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    /// Scheme, host and port for messages; never credentials that stand in the URL.
    pub(crate) fn shown(&self) -> String {
        self.base.origin().ascii_serialization()
    }

    /// The page of a project, as the official SDK's `get_host_url` and `Run.url` build it: the cloud's pages stand at its
    /// hosts without `api.`, those of a server of one's own where its API stands. A run's page is this, `/r/` and its id.
    pub(crate) fn project_page(&self, tenant_id: &str, project_id: &str) -> String {
        let mut url = self.base.clone();
        let cloud = url.host_str().filter(|_| self.is_cloud());
        if let Some(host) = cloud.map(|host| host.replacen("api.", "", 1)) {
            // A host that was one before a label was taken away is one after.
            let _is_host = url.set_host(Some(&host));
        }
        let _has_host = (url.set_username(""), url.set_password(None));
        let base = url.as_str().trim_end_matches('/');
        format!("{base}/o/{tenant_id}/projects/p/{project_id}")
    }

    /// Whether what is sent is encrypted.
    pub(crate) fn is_secure(&self) -> bool {
        self.base.scheme() == "https"
    }

    /// Whether this is one of LangSmith's own regions, where a good key of another region is refused.
    pub(crate) fn is_cloud(&self) -> bool {
        self.base.host_str().is_some_and(|host| {
            host == "smith.langchain.com" || host.ends_with(".smith.langchain.com")
        })
    }
}

/// The documented form for self-hosted servers ends in `/api/v1`, some people write `/api`, the cloud has neither.
fn without_api_suffix(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    for suffix in ["/api/v1", "/api/v2", "/api"] {
        if let Some(rest) = path.strip_suffix(suffix) {
            return rest.trim_end_matches('/');
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query_url(text: &str) -> String {
        Endpoint::parse(text)
            .unwrap()
            .url("/api/v2/runs/query")
            .to_string()
    }

    #[test]
    fn every_way_to_write_a_base_gives_the_same_url() {
        for text in [
            "https://host.example",
            "https://host.example/",
            "https://host.example/api",
            "https://host.example/api/v1/",
            "https://host.example/api/v2",
            " \"https://host.example//\" ",
        ] {
            assert_eq!(
                query_url(text),
                "https://host.example/api/v2/runs/query",
                "{text}"
            );
        }
    }

    #[test]
    fn a_path_prefix_and_a_port_stay() {
        assert_eq!(
            query_url("http://10.0.0.1:1984/langsmith/api/v1"),
            "http://10.0.0.1:1984/langsmith/api/v2/runs/query"
        );
        assert_eq!(
            query_url("https://host/apiary"),
            "https://host/apiary/api/v2/runs/query"
        );
    }

    #[test]
    fn what_is_no_base_is_refused() {
        for text in ["", "smith.langchain.com", "ftp://host", "unix:/socket"] {
            assert!(Endpoint::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_projects_page_is_where_the_official_sdk_says() {
        for (endpoint, host) in [
            (DEFAULT_ENDPOINT, "https://smith.langchain.com"),
            (
                "https://eu.api.smith.langchain.com",
                "https://eu.smith.langchain.com",
            ),
            (
                "https://aws.api.smith.langchain.com/",
                "https://aws.smith.langchain.com",
            ),
            (
                "https://apac.api.smith.langchain.com",
                "https://apac.smith.langchain.com",
            ),
            (
                "https://host.example/langsmith/api/v1",
                "https://host.example/langsmith",
            ),
            (
                "http://user:secret@localhost:1980/api",
                "http://localhost:1980",
            ),
            ("https://api.example", "https://api.example"),
        ] {
            let page = Endpoint::parse(endpoint).unwrap().project_page("t", "p");
            assert_eq!(page, format!("{host}/o/t/projects/p/p"));
        }
    }

    #[test]
    fn credentials_in_the_url_are_not_shown() {
        let endpoint = Endpoint::parse("https://user:secret@host.example:8443/x").unwrap();
        assert_eq!(endpoint.shown(), "https://host.example:8443");
    }

    #[test]
    fn the_cloud_is_recognised() {
        assert!(
            Endpoint::parse("https://eu.api.smith.langchain.com")
                .unwrap()
                .is_cloud()
        );
        assert!(
            !Endpoint::parse("https://smith.langchain.com.example")
                .unwrap()
                .is_cloud()
        );
    }
}
