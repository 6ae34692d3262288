//! The plans of runs: many runs share one definition, so a worker keeps those that it used last.

use std::num::NonZeroUsize;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use super::wire::StartInput;
use crate::plan::{Plan, from_frozen};

/// How many are kept.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

pub(super) static PLANS: LazyLock<Plans> = LazyLock::new(|| Plans::new(KEPT));

/// What decides a plan: the digest of the document, and the engine.
type Key = (String, u32);

pub(super) struct Plans(Mutex<LruCache<Key, Arc<Plan>>>);

impl Plans {
    fn new(kept: NonZeroUsize) -> Plans {
        Plans(Mutex::new(LruCache::new(kept)))
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<Key, Arc<Plan>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The plan that a run was started with. Errors: words; a definition that is not the one it says it is.
    pub fn get(&self, start: &StartInput) -> Result<Arc<Plan>, String> {
        let key = (start.digest.clone(), start.engine);
        // The lock is held for looking only: lowering a large definition takes long, and other runs go on meanwhile.
        if let Some(plan) = self.kept().get(&key).filter(|plan| plan.canonical() == start.document) {
            return Ok(plan.clone());
        }
        let plan = from_frozen(&start.document).map_err(|e| e.to_string())?;
        if plan.digest() != start.digest {
            return Err("the frozen definition does not have the digest it was started with".to_owned());
        }
        self.kept().put(key, plan.clone());
        Ok(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Home, from_yaml};
    use crate::value::Value;

    fn start(version: i64, engine: u32) -> StartInput {
        let text = format!("fermata: 1\nprocess: P\nversion: {version}\nkey: ${{input.k}}\nsteps: [ {{ log: a }} ]\n");
        let (plan, complaints) = from_yaml(&text, &Home::default());
        let plan = plan.unwrap_or_else(|| panic!("{complaints:?}"));
        let input = StartInput::new(&plan, String::new(), "k".to_owned(), Value::Null);
        StartInput { engine, ..input }
    }

    #[test]
    fn the_one_that_was_used_longest_ago_is_forgotten() {
        let plans = Plans::new(NonZeroUsize::MIN.saturating_add(1));
        let (one, two, three) = (start(1, 0), start(2, 0), start(3, 0));
        let (first, second) = (plans.get(&one).unwrap(), plans.get(&two).unwrap());
        assert!(Arc::ptr_eq(&first, &plans.get(&one).unwrap()));
        plans.get(&three).unwrap();
        assert!(Arc::ptr_eq(&first, &plans.get(&one).unwrap()));
        assert!(!Arc::ptr_eq(&second, &plans.get(&two).unwrap()));
    }

    #[test]
    fn another_engine_and_another_document_are_other_plans() {
        let plans = Plans::new(KEPT);
        let one = start(1, 0);
        let plan = plans.get(&one).unwrap();
        assert!(!Arc::ptr_eq(&plan, &plans.get(&start(1, 1)).unwrap()));
        // A digest that is known says nothing of a document that comes with it.
        let forged = StartInput { document: start(2, 0).document, ..one };
        assert_eq!(
            plans.get(&forged).err().as_deref(),
            Some("the frozen definition does not have the digest it was started with")
        );
    }
}
