//! The order of the scenes, and where one stands in it.

use super::Book;
use super::folder::ORDER;
use crate::scene::writer::Work;

impl Book {
    /// Files of all scenes, in order.
    pub fn order(&self) -> &[String] {
        &self.order
    }

    pub(super) fn save_order(&mut self) -> Result<(), String> {
        if !self.followed {
            // The others are not known: this one would be all that is left of the order.
            return Ok(());
        }
        let names: String = self.order.iter().map(|f| format!("  {},\n", crate::rig::emit::quoted(f))).collect();
        let text = format!("# The order of the scenes. Those that are not named here follow by name.\nscenes = [\n{names}]\n");
        self.ordering = self.give(Work::Write(ORDER.into(), text.into()))?;
        Ok(())
    }

    /// Puts a scene at a place, from 1; the place it has then.
    ///
    /// # Errors
    /// Where no thread can be had, or the order as it is was never read.
    pub fn place(&mut self, file: &str, place: usize) -> Result<usize, String> {
        if self.folder.is_some() && !self.followed {
            return Err("the disk does not give the order of the scenes, so it cannot be changed".into());
        }
        self.order.retain(|f| f != file);
        let at = place.clamp(1, self.order.len() + 1);
        self.order.insert(at - 1, file.to_owned());
        self.save_order()?;
        Ok(at)
    }

    /// The scene a step from where one stands, forwards or back.
    ///
    /// # Errors
    /// Where the list ends.
    pub fn step(&mut self, forwards: bool) -> Result<String, String> {
        self.refresh();
        let place = |f: &Option<String>| f.as_ref().and_then(|f| self.order.iter().position(|o| o == f));
        let here = place(&self.standing.selected).or_else(|| place(&self.standing.present));
        let there = match (here, forwards) {
            (None, true) => Some(0),
            (Some(at), true) => Some(at + 1),
            (at, false) => at.and_then(|at| at.checked_sub(1)),
        };
        let found = there.and_then(|at| self.order.get(at)).cloned();
        found.ok_or_else(|| match (self.order.is_empty(), forwards) {
            (true, _) => "there are no scenes".into(),
            (_, true) => "there is no scene behind this one".into(),
            (_, false) => "there is no scene before this one".into(),
        })
    }

    /// The scene that `/scene/go` recalls.
    ///
    /// # Errors
    /// Where the list ends.
    pub fn upcoming(&mut self) -> Result<String, String> {
        self.refresh();
        match &self.standing.selected {
            Some(file) if self.order.contains(file) => Ok(file.clone()),
            _ => self.step(true),
        }
    }

    /// Notes that a scene was recalled.
    pub fn recalled(&mut self, file: &str) {
        let standing = self.stand();
        standing.present = Some(file.to_owned());
        standing.selected = None;
    }
}
