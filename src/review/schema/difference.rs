//! One difference between two schemas, and which way it goes.

/// One difference.
#[derive(Debug, Clone)]
pub struct Difference {
    pub kind: Kind,
    /// `.taxId`, `.items[].price`; empty for the value itself.
    pub path: String,
    /// JSON pointers into the schemas.
    pub old_pointer: String,
    pub new_pointer: String,
    pub old: String,
    pub new: String,
    /// What happened, to stand behind the name of the place.
    pub words: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    RequiredAdded,
    OptionalAdded,
    BecameRequired,
    BecameOptional,
    /// Whether the new schema refuses the property now.
    Removed {
        refused: bool,
    },
    TypeNarrowed,
    TypeWidened {
        only_null: bool,
    },
    TypeChanged,
    EnumRemoved,
    EnumAdded,
    /// Whether it is certain that something is refused now.
    Tightened {
        certain: bool,
    },
    Loosened,
    Closed,
    Opened,
    DefaultChanged,
}

impl Kind {
    /// Whether less is taken now, or more; `None`: neither.
    pub fn tightens(self) -> Option<bool> {
        match self {
            Kind::RequiredAdded
            | Kind::BecameRequired
            | Kind::Removed { .. }
            | Kind::TypeNarrowed
            | Kind::TypeChanged
            | Kind::EnumRemoved
            | Kind::Tightened { .. }
            | Kind::Closed => Some(true),
            Kind::OptionalAdded
            | Kind::BecameOptional
            | Kind::TypeWidened { .. }
            | Kind::EnumAdded
            | Kind::Loosened
            | Kind::Opened => Some(false),
            Kind::DefaultChanged => None,
        }
    }
}
