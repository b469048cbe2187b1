//! From what the net gave to an answer: its mean, an interval, its doubt, and whether it is refused.

use serde::Serialize;

use crate::Failure;
use crate::model::{Classes, Model, Outputs};
use crate::statistics::{entropy, half_width, moments, quantile, softmax};

/// How answers are judged.
#[derive(Debug, Clone)]
pub struct Rule {
    refuse_above: f64,
    noise: f64,
    level: f64,
    /// Half an interval's width in standard deviations.
    half: f64,
}

#[derive(Debug, Serialize)]
pub struct Interval {
    low: Vec<f32>,
    high: Vec<f32>,
}

/// On one row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// Doubt is the entropy of `probabilities`, of which the mutual information is what more data would take away; in nats.
    Class {
        class: usize,
        probability: f32,
        probabilities: Vec<f32>,
        interval: Interval,
        doubt: f32,
        mutual_information: f32,
        refused: bool,
    },
    /// Doubt is the largest of `std`, the standard deviations over the weights; `interval` is an observation's, with its noise.
    Numbers { mean: Vec<f32>, std: Vec<f32>, interval: Interval, doubt: f32, refused: bool },
}

impl Answer {
    pub fn is_refused(&self) -> bool {
        match self {
            Answer::Class { refused, .. } | Answer::Numbers { refused, .. } => *refused,
        }
    }
}

impl Rule {
    /// What is given, else what the model's file says.
    pub fn new(
        model: &Model,
        refuse_above: Option<f64>,
        noise: Option<f64>,
        level: f64,
    ) -> Result<Rule, Failure> {
        let refuse_above = chosen(refuse_above, "serve.refuse_above", model.refuse_above.as_deref())?;
        let noise = chosen(noise, "serve.noise", model.noise.as_deref())?.unwrap_or(0.0);
        Ok(Rule {
            refuse_above: refuse_above.unwrap_or(f64::INFINITY),
            noise,
            level,
            half: half_width(level),
        })
    }

    /// A line on what is refused.
    pub fn summary(&self, model: &Model) -> String {
        let unit = if model.classes.is_some() { "nats" } else { "standard deviation" };
        match self.refuse_above {
            f64::INFINITY => {
                "no answer is refused: neither --refuse-above nor the file says above which doubt".to_owned()
            }
            limit => format!("answers with a doubt above {limit:.4} ({unit}) are refused"),
        }
    }

    /// The answers to `rows` rows.
    pub fn answers(&self, model: &Model, rows: usize, outputs: &Outputs) -> Vec<Answer> {
        let size = model.size;
        let row = |values: &[f32], row: usize| -> Vec<f64> {
            values.iter().skip(row * size).take(size).map(|&value| f64::from(value)).collect()
        };
        let one = |i: usize| match outputs {
            Outputs::Moments { mean, std } => self.numbers(&row(mean, i), &row(std, i)),
            Outputs::Draws(draws) => {
                let each: Vec<Vec<f64>> = draws.iter().map(|draw| row(draw, i)).collect();
                match model.classes {
                    Some(classes) => self.class(&each, classes),
                    None => {
                        let (mean, std) = moments(&each);
                        self.numbers(&mean, &std)
                    }
                }
            }
        };
        (0..rows).map(one).collect()
    }

    /// What is no number is refused as well.
    fn refuses(&self, doubt: f64) -> bool {
        doubt.is_nan() || doubt > self.refuse_above
    }

    fn class(&self, draws: &[Vec<f64>], classes: Classes) -> Answer {
        let each: Vec<Vec<f64>> = match classes {
            Classes::Logits => draws.iter().map(|logits| softmax(logits)).collect(),
            Classes::Probabilities => draws.to_vec(),
        };
        let (probabilities, _) = moments(&each);
        let (class, probability) = probabilities
            .iter()
            .enumerate()
            .max_by(|a, b| a.1.total_cmp(b.1))
            .map_or((0, f64::NAN), |(class, &probability)| (class, probability));
        let doubt = entropy(&probabilities);
        let within = each.iter().map(|p| entropy(p)).sum::<f64>() / each.len() as f64;
        let tail = (1.0 - self.level) / 2.0;
        let ends =
            |q: f64| (0..probabilities.len()).map(|k| quantile(each.iter().map(|p| p[k]), q)).collect();
        Answer::Class {
            class,
            probability: probability as f32,
            interval: Interval { low: ends(tail), high: ends(1.0 - tail) },
            probabilities: single(&probabilities),
            doubt: doubt as f32,
            mutual_information: (doubt - within).max(0.0) as f32,
            refused: self.refuses(doubt),
        }
    }

    fn numbers(&self, mean: &[f64], std: &[f64]) -> Answer {
        let ends = |sign: f64| {
            let end = |(mean, std): (&f64, &f64)| (mean + sign * self.half * std.hypot(self.noise)) as f32;
            mean.iter().zip(std).map(end).collect()
        };
        // What is no number is the largest of all in this order, if its sign says plus.
        let doubt = std.iter().map(|std| std.abs()).max_by(f64::total_cmp).unwrap_or(f64::NAN);
        Answer::Numbers {
            interval: Interval { low: ends(-1.0), high: ends(1.0) },
            mean: single(mean),
            std: single(std),
            doubt: doubt as f32,
            refused: self.refuses(doubt) || mean.iter().any(|mean| !mean.is_finite()),
        }
    }
}

/// What is given, else what the file says under a key.
fn chosen(given: Option<f64>, key: &str, said: Option<&str>) -> Result<Option<f64>, Failure> {
    match (given, said.map(|said| (said, said.parse()))) {
        (Some(number), _) | (None, Some((_, Ok(number)))) if number >= 0.0 => Ok(Some(number)),
        (None, Some((said, _))) => {
            Err(format!("the file's `{key}` is `{said}`: a number from 0 is wanted").into())
        }
        _ => Ok(None),
    }
}

fn single(values: &[f64]) -> Vec<f32> {
    values.iter().map(|&value| value as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_refused() {
        let rule = Rule { refuse_above: f64::INFINITY, noise: 0.0, level: 0.9, half: 1.6 };
        assert!(rule.numbers(&[0.0, f64::NAN], &[0.1, 0.1]).is_refused());
        assert!(rule.numbers(&[0.0, 1.0], &[f64::NAN, 0.1]).is_refused());
        assert!(!rule.numbers(&[0.0, 1.0], &[0.1, 0.1]).is_refused());
        assert!(rule.class(&[vec![f64::INFINITY, 0.0], vec![1.0, 0.0]], Classes::Logits).is_refused());
        assert!(!rule.class(&[vec![f64::NEG_INFINITY, 0.0], vec![1.0, 0.0]], Classes::Logits).is_refused());
    }
}
