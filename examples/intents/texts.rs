//! Texts to points on the unit sphere, kept on disk.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use illia::prelude::*;
use sha2::{Digest, Sha256};
use tokenizers::{EncodeInput, Tokenizer};

use crate::Failure;
use crate::encoder::{self, Encoder, WIDTH};

/// What is encoded at a time: sentences of about one length.
const BATCH: usize = 128;

/// The longest that is read of a text, in tokens.
const LONGEST: usize = 256;

/// A tokenizer and an encoder.
pub struct Texts {
    tokenizer: Tokenizer,
    encoder: Encoder,
    folder: PathBuf,
}

impl Texts {
    /// From `tokenizer.json` and `model.safetensors` in `folder`.
    pub fn load(folder: &Path) -> Result<Self, Failure> {
        let mut tokenizer = Tokenizer::from_file(folder.join("tokenizer.json"))
            .map_err(|e| format!("{}: {e}", folder.join("tokenizer.json").display()))?;
        tokenizer.with_padding(None);
        let cut = tokenizers::TruncationParams { max_length: LONGEST, ..Default::default() };
        tokenizer.with_truncation(Some(cut)).map_err(|e| e.to_string())?;
        let (_, encoder) = encoder::load(folder)?;
        Ok(Texts { tokenizer, encoder, folder: folder.to_owned() })
    }

    /// Each text's tokens.
    pub fn tokens(&self, texts: &[String]) -> Result<Vec<Vec<i64>>, Failure> {
        let inputs: Vec<EncodeInput<'_>> = texts.iter().map(|text| text.as_str().into()).collect();
        let encoded = self.tokenizer.encode_batch(inputs, true).map_err(|e| e.to_string())?;
        Ok(encoded.iter().map(|one| one.get_ids().iter().map(|&id| i64::from(id)).collect()).collect())
    }

    /// The texts' points, `[texts, 384]`.
    pub fn encode(&self, texts: &[String]) -> Result<Tensor, Failure> {
        let _no_grad = tch::no_grad_guard();
        let tokens = self.tokens(texts)?;
        // Of one length, so that little is computed for padding.
        let mut order: Vec<usize> = (0..tokens.len()).collect();
        order.sort_by_key(|&text| tokens[text].len());
        let points = Tensor::zeros([texts.len() as i64, WIDTH], (Kind::Float, Device::Cpu));
        for batch in order.chunks(BATCH) {
            let rows: Vec<&[i64]> = batch.iter().map(|&text| tokens[text].as_slice()).collect();
            let (ids, keep) = padded(&rows);
            let states = self.encoder.try_forward(&ids, &ids.zeros_like(), &keep)?;
            let places: Vec<i64> = batch.iter().map(|&text| text as i64).collect();
            let _ = points.shallow_clone().index_copy_(
                0,
                &Tensor::from_slice(&places),
                &encoder::sentence(&states, &keep),
            );
        }
        Ok(points)
    }

    /// As [`encode`](Self::encode), kept in the cache folder under the hash of model and texts.
    pub fn encode_once(&self, texts: &[String]) -> Result<Tensor, Failure> {
        let mut hash = Sha256::new();
        for file in ["model.safetensors", "tokenizer.json"] {
            std::io::copy(&mut File::open(self.folder.join(file))?, &mut hash)?;
        }
        for text in texts {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text);
        }
        let kept = cache()?.join(format!("intents-{:.16x}.safetensors", hash.finalize()));
        if let Ok(tensors) = Tensor::read_safetensors(&kept)
            && let Some((_, points)) = tensors
                .into_iter()
                .find(|(name, points)| name == "points" && points.size() == [texts.len() as i64, WIDTH])
        {
            return Ok(points);
        }
        let points = self.encode(texts)?;
        // Under another name first: whoever finds the file finds it whole.
        let part = kept.with_extension(format!("{}", std::process::id()));
        Tensor::write_safetensors(&[("points", &points)], &part)?;
        fs::rename(part, kept)?;
        Ok(points)
    }
}

/// Token numbers and 1 where there is one, both `[texts, longest]`.
pub fn padded(rows: &[&[i64]]) -> (Tensor, Tensor) {
    let longest = rows.iter().map(|row| row.len()).max().unwrap_or_default();
    let fill = |value: fn(i64) -> i64| {
        let filled = |row: &&[i64]| {
            row.iter().map(|&id| value(id)).chain(std::iter::repeat(0)).take(longest).collect::<Vec<_>>()
        };
        let all: Vec<i64> = rows.iter().flat_map(filled).collect();
        Tensor::from_slice(&all).reshape([rows.len() as i64, longest as i64])
    };
    (fill(|id| id), fill(|_| 1))
}

/// The folder in which `cargo xtask` keeps libtorch too.
pub fn cache() -> Result<PathBuf, Failure> {
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    let folder =
        base.ok_or("neither XDG_CACHE_HOME nor HOME is set, so there is no cache folder")?.join("illia");
    fs::create_dir_all(&folder)?;
    Ok(folder)
}
