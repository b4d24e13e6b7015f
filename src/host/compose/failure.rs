//! Why a project did not come up, of what was said on the machine.

use crate::resource::Failure;

/// What an engine says of an image that a registry does not hand out.
const REFUSALS: [&str; 5] = [
    "no basic auth credentials",
    "unauthorized",
    "authentication required",
    "pull access denied",
    "denied: requested access",
];

/// Containers that did not stay up are told with their last lines, a registry by its name, anything else with what compose said.
pub(super) fn failure(project: &str, said: &str) -> Failure {
    let lines = || said.lines().map(str::trim);
    let failed: Vec<_> = lines().filter_map(|line| line.strip_prefix("failed: ")).collect();
    if !failed.is_empty() {
        let logs = said.find("failed: ").map_or("", |start| &said[start..]);
        return Failure::new(failed.join("; ")).detail(&logs.replace("failed: ", ""));
    }
    if let Some((registry, why)) = refusal(said) {
        return Failure::new(format!("registry {registry} refuses: {why}")).detail(said).hint(format!(
            "log the machine in there: `registries: {{ \"{registry}\": {{ username: …, password: {{ env: … }} }} }}`, or look for a misspelt image"
        ));
    }
    let error = error(said).map(|error| format!(": {error}")).unwrap_or_default();
    let failure = Failure::new(format!("`docker compose up` of {project} failed{error}")).detail(said);
    if !said.contains(OLD) {
        return failure;
    }
    failure.hint(
        "docker-compose 1.29, which Debian 12 has, knows no keys that came later: leave them out, or take Debian 13",
    )
}

/// What an older compose says of a file that it does not understand.
const OLD: &str = "is invalid because:";

/// The line that says what went wrong.
fn error(said: &str) -> Option<&str> {
    let is_error = |line: &&str| {
        line.to_lowercase().starts_with("error")
            || line.starts_with("failed to solve: ")
            || line.contains("returned a non-zero code: ")
    };
    let why = said.split_once(OLD).and_then(|(_, rest)| rest.lines().map(str::trim).find(|line| !line.is_empty()));
    let lines = || said.lines().map(str::trim).rev().filter(|line| !line.is_empty());
    why.or_else(|| lines().find(is_error)).or_else(|| lines().next())
}

/// The registry that does not hand out an image, and its words.
fn refusal(said: &str) -> Option<(&str, &str)> {
    let line = said.lines().rev().find(|line| REFUSALS.iter().any(|words| line.contains(words)))?;
    let start = REFUSALS.iter().filter_map(|words| line.find(words)).min()?;
    let why = line[start..].trim();
    // `Head "https://HOST/v2/…": no basic auth credentials`, or `pull access denied for HOST/NAME, …`.
    let asked = line[..start].rsplit_once("://").and_then(|(_, rest)| rest.split('/').next());
    let named = || {
        let image = why.strip_prefix("pull access denied for ")?.split([',', ' ']).next()?;
        let (host, _) = image.split_once('/')?;
        (host.contains(['.', ':']) || host == "localhost").then_some(host)
    };
    let host = asked.or_else(named).filter(|host| !host.ends_with("docker.io")).unwrap_or("docker.io");
    Some((host, why))
}

#[cfg(test)]
mod tests {
    use super::failure;

    #[test]
    fn a_registry_that_refuses_is_named() {
        let message = |said: &str| failure("site", said).message;
        let head = "web Error\nError response from daemon: Head \"http://127.0.0.1:5000/v2/a/manifests/1\": no basic auth credentials\n";
        assert_eq!(message(head), "registry 127.0.0.1:5000 refuses: no basic auth credentials");
        let denied = "Error response from daemon: pull access denied for acme/site, repository does not exist or may require 'docker login'";
        assert!(message(denied).starts_with("registry docker.io refuses: pull access denied for acme/site"));
        let denied = denied.replace("acme/", "reg.example:5000/acme/");
        assert!(message(&denied).starts_with("registry reg.example:5000 refuses"));
        assert!(failure("site", head).hint.unwrap().contains("`registries: { \"127.0.0.1:5000\": {"));
    }

    #[test]
    fn a_build_and_an_older_compose_say_what_went_wrong() {
        let message = |said: &str| failure("site", said).message;
        let build = "#8 ERROR: process did not complete\n------\nfailed to solve: process \"/bin/sh -c make\" did not complete: exit code: 2\n";
        assert!(
            message(build)
                .ends_with("failed: failed to solve: process \"/bin/sh -c make\" did not complete: exit code: 2")
        );
        assert!(message("no service selected\n").ends_with("failed: no service selected"));
        let old = "The Compose file './compose.yaml' is invalid because:\n'include' does not match any of the regexes: '^x-'\nYou might\n";
        assert_eq!(
            message(old),
            "`docker compose up` of site failed: 'include' does not match any of the regexes: '^x-'"
        );
        assert!(failure("site", old).hint.unwrap().starts_with("docker-compose 1.29"));
    }

    #[test]
    fn containers_that_did_not_stay_up_are_told_with_their_last_lines() {
        let failure = failure("site", "Container started\nfailed: web ends with status 3\nno such colour\n");
        assert_eq!(
            (failure.message.as_str(), failure.detail.join("\n").as_str()),
            ("web ends with status 3", "web ends with status 3\nno such colour")
        );
    }
}
