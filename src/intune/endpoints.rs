//! Where the service is: a directory tells, and what it told is kept until something fails.

use super::json;
use super::request::Fault;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Where the parts of the service are, as far as that is known. It starts empty, is filled by the first call that needs
/// it, and is emptied by every call that fails, since the service may have moved.
///
/// Nothing goes wrong when several threads keep one each, or copies of one: each is looked up once more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// Names in lower case.
    found: Vec<(String, String)>,
}

/// More than the directory has.
const MOST: usize = 1024;

impl Endpoints {
    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.found.clear();
    }

    /// The URL of a service, without a slash at its end. Names differ in letter case from tenant to tenant.
    pub fn get(&self, name: &str) -> Option<&str> {
        let found = self.found.iter().find(|(own, _)| own.eq_ignore_ascii_case(name));
        found.map(|(_, url)| url.as_str())
    }

    /// Takes the directory's answer. A place that a token must not be sent to is left out.
    pub(super) fn fill(&mut self, answer: &[u8]) -> Result<(), Fault> {
        let places: json::Value<Vec<json::Place>> = json::read(answer)?;
        self.found.clear();
        for place in places.value.into_iter().take(MOST) {
            let url = place.uri.trim_end_matches('/');
            if let Some(name) = place.provider_name.or(place.service_name).filter(|_| is_url(url)) {
                // the last one of a name counts, as with the service's own clients
                self.found.retain(|(own, _)| !own.eq_ignore_ascii_case(&name));
                self.found.push((name.to_ascii_lowercase(), url.to_string()));
            }
        }
        Ok(())
    }
}

/// Whether a token may go there: `https`, a host, and nothing that makes two readers see two hosts.
pub(super) fn is_url(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("https://") else { return false };
    let host = rest.split('/').next().unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"\"#<>?@\\^`{|}".contains(&byte);
    !host.is_empty() && url.len() <= 2048 && rest.bytes().all(plain)
}
