//! Which files of a build context the engine is given: all but what `.dockerignore` names.

use std::path::Path;

use ignore::gitignore::{Gitignore, GitignoreBuilder};

/// The rules of one build context.
#[derive(Debug)]
pub(super) struct Ignored(Gitignore);

impl Ignored {
    /// Nothing is ignored.
    pub(super) fn nothing() -> Self {
        Self(Gitignore::empty())
    }

    /// A `.dockerignore` is like a `.gitignore` whose patterns all start at the context's root.
    pub(super) fn parse(context: &Path, text: &str) -> Result<Self, String> {
        let mut builder = GitignoreBuilder::new(context);
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let (not, pattern) = line.strip_prefix('!').map_or(("", line), |pattern| ("!", pattern.trim()));
            let pattern = pattern.trim_start_matches("./").trim_matches('/');
            builder.add_line(None, &format!("{not}/{pattern}")).map_err(|error| error.to_string())?;
        }
        builder.build().map(Self).map_err(|error| error.to_string())
    }

    pub(super) fn leaves_out(&self, file: &Path) -> bool {
        self.0.matched_path_or_any_parents(file, false).is_ignore()
    }

    /// Whether the folder need not be looked into: no exception can bring a file in it back.
    pub(super) fn leaves_out_all_of(&self, folder: &Path) -> bool {
        self.0.num_whitelists() == 0 && self.0.matched_path_or_any_parents(folder, true).is_ignore()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::Ignored;

    #[test]
    fn patterns_start_at_the_root_of_the_context() {
        let ignored = Ignored::parse(Path::new("/c"), "# no\ntarget\n**/*.log\n./docs\n!docs/README.md\n").unwrap();
        let out = |path: &str| ignored.leaves_out(&Path::new("/c").join(path));
        assert!(out("target/a/b") && out("x/y.log") && out("docs/a.md"));
        assert!(!out("sub/target/a") && !out("docs/README.md") && !out("main.c"));
        assert!(!ignored.leaves_out_all_of(Path::new("/c/docs")), "an exception may lie in it");
    }
}
