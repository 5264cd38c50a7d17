//! Value as text and back.
