//! CLINC150 (Larson et al. 2019): queries of 150 intents, and of none.

use std::collections::BTreeMap;
use std::path::Path;

use crate::Failure;

/// Queries and the numbers of their intents; of none, no numbers.
#[derive(Default)]
pub struct Part {
    pub texts: Vec<String>,
    pub labels: Vec<i64>,
}

/// The file's parts.
pub struct Clinc {
    /// The intents' names, in the order of their numbers.
    pub intents: Vec<String>,
    pub train: Part,
    pub val: Part,
    pub test: Part,
    pub oos_val: Part,
    pub oos_test: Part,
}

impl Clinc {
    /// Reads `data_full.json`.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what: String| format!("{}: {what}", path.display());
        let text = std::fs::read_to_string(path).map_err(|e| wrong(e.to_string()))?;
        let mut file: BTreeMap<String, Vec<(String, String)>> =
            serde_json::from_str(&text).map_err(|e| wrong(format!("not a file of CLINC150: {e}")))?;
        let mut part = |name: &str| {
            file.remove(name)
                .filter(|part| !part.is_empty())
                .ok_or_else(|| wrong(format!("there are no queries `{name}`")))
        };
        let train = part("train")?;
        let mut intents: Vec<String> = train.iter().map(|(_, intent)| intent.clone()).collect();
        intents.sort();
        intents.dedup();
        let known = |queries: Vec<(String, String)>| -> Result<Part, String> {
            let mut part = Part::default();
            for (text, intent) in queries {
                let number = intents
                    .binary_search(&intent)
                    .map_err(|_| wrong(format!("no training query has the intent `{intent}`")))?;
                part.texts.push(text);
                part.labels.push(number as i64);
            }
            Ok(part)
        };
        let unknown = |queries: Vec<(String, String)>| Part {
            texts: queries.into_iter().map(|(text, _)| text).collect(),
            labels: Vec::new(),
        };
        Ok(Clinc {
            train: known(train)?,
            val: known(part("val")?)?,
            test: known(part("test")?)?,
            oos_val: unknown(part("oos_val")?),
            oos_test: unknown(part("oos_test")?),
            intents,
        })
    }

    pub fn parts(&self) -> [&Part; 5] {
        [&self.train, &self.val, &self.test, &self.oos_val, &self.oos_test]
    }
}
