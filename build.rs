//! Keeps the descriptors of the messages that a history consists of, for reading and writing it as the JSON of Temporal's
//! own tools (`src/temporal/history/form.rs`).

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=build.rs");
    #[cfg(feature = "server")]
    descriptors::keep()?;
    Ok(())
}

#[cfg(feature = "server")]
mod descriptors {
    use std::collections::{BTreeMap, BTreeSet};
    use std::error::Error;
    use std::path::PathBuf;

    use prost_reflect::prost::Message;
    use prost_reflect::prost_types::{FileDescriptorProto, FileDescriptorSet};

    /// The file that declares `History`.
    const ROOT: &str = "temporal/api/history/v1/message.proto";

    pub fn keep() -> Result<(), Box<dyn Error>> {
        println!("cargo:rerun-if-env-changed=DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH");
        let from = std::env::var("DEP_TEMPORALIO_PROTOS_DESCRIPTOR_PATH")?;
        let all = FileDescriptorSet::decode(std::fs::read(from)?.as_slice())?;
        let mut files: BTreeMap<String, FileDescriptorProto> =
            all.file.iter().map(|file| (file.name().to_owned(), file.clone())).collect();
        let (mut wanted, mut open) = (BTreeSet::new(), vec![ROOT.to_owned()]);
        while let Some(name) = open.pop() {
            let file = files.get_mut(&name).ok_or_else(|| format!("temporalio-protos does not describe {name}"))?;
            file.source_code_info = None;
            if wanted.insert(name) {
                open.extend(file.dependency.iter().cloned());
            }
        }
        // In the order of the whole, in which each stands after those it depends on.
        let kept =
            all.file.iter().filter(|file| wanted.contains(file.name())).filter_map(|file| files.remove(file.name()));
        let kept = FileDescriptorSet { file: kept.collect() };
        let to = PathBuf::from(std::env::var("OUT_DIR")?).join("history.bin");
        std::fs::write(to, kept.encode_to_vec())?;
        Ok(())
    }
}
