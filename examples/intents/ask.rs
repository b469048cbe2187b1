//! Questions from the terminal.

use std::io::{BufRead, Write};

use illia::HeldOut;
use illia::conformal::Outliers;

use crate::Failure;
use crate::head::{Head, Link, Outputs};
use crate::texts::Texts;

/// Answers each line with an intent and its probability, or turns it away: of queries like the validation set's, a share `rate` at most
/// (a conformal p-value, Bates et al. 2023).
pub fn answer(
    texts: &Texts,
    head: &Head,
    link: Link,
    val: &Outputs,
    intents: &[String],
    rate: f64,
) -> Result<(), Failure> {
    let known =
        Outliers::fit(HeldOut::unlabelled(val.means.shallow_clone())?, |means| Ok(link.strangeness(means)))?;
    eprintln!(
        "Ask; an empty line ends it. {:.0} % of the queries that I know may be turned away.",
        100.0 * rate
    );
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        if line.trim().is_empty() {
            break;
        }
        let outputs = head.outputs(&texts.encode(&[line])?)?;
        let (p, intent) = link.log_probabilities(&outputs).exp().max_dim(1, false);
        let likeness = known.p_values(&link.strangeness(&outputs.means))?[0];
        let (name, p) = (&intents[intent.int64_value(&[0]) as usize], 100.0 * p.double_value(&[0]));
        if likeness <= rate {
            println!("not one of mine (p = {likeness:.4}); nearest: {name}, {p:.0} %");
        } else {
            println!("{name}, {p:.0} % (p = {likeness:.4})");
        }
        std::io::stdout().flush()?;
    }
    Ok(())
}
