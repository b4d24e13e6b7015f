//! Findings for eyes: the text, the place in it, and what to do.

