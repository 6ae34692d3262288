//! `log`: a line in the run's journal.

use crate::syntax::document::Written;
use crate::syntax::keys::{Form, Verb};
use crate::syntax::part::verb;

verb! {
    pub struct Log = Verb::new("log", Form::Template, "a line in the run's journal");
    text: Written,
    beside {}
}
