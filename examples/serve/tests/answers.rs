//! What is answered is what the net says.

mod common;

use common::{Running, Wanted, file, rows, wanted};
use illia::likelihood::Categorical;
use serde_json::Value;
use serve::{Limits, Model, Rule};
use tch::{Kind, Tensor};

fn numbers(value: &Value) -> Tensor {
    let values: Vec<f64> = serde_json::from_value(value.clone()).unwrap();
    Tensor::from_slice(&values)
}

fn near(value: &Value, wanted: &Tensor) {
    let value = if value.is_array() { numbers(value) } else { Tensor::from(value.as_f64().unwrap()) };
    let off = (&value - wanted).abs().max().double_value(&[]);
    assert!(value.size() == wanted.size() && off < 1e-5, "{value} and {wanted}");
}

#[test]
fn classes_come_with_the_predictions_probabilities_interval_and_doubt() {
    let wanted = wanted();
    let Wanted { points, classes, .. } = &*wanted;
    let answers = Running::start("classes", Limits::default()).predict(&rows(points)).json();
    let answers = answers["answers"].as_array().unwrap();
    assert_eq!(answers.len(), 5);
    let probabilities = classes.predictive_mean(&Categorical);
    let uncertainty = classes.uncertainty(&Categorical);
    let (low, high) = classes.map(|logits| logits.softmax(-1, Kind::Float)).interval(0.9).unwrap();
    let mut refused = 0;
    for (i, answer) in answers.iter().enumerate() {
        let i = i as i64;
        near(&answer["probabilities"], &probabilities.get(i));
        near(&answer["interval"]["low"], &low.get(i));
        near(&answer["interval"]["high"], &high.get(i));
        near(&answer["doubt"], &uncertainty.total.get(i));
        near(&answer["mutual_information"], &uncertainty.epistemic.get(i));
        near(&answer["probability"], &probabilities.get(i).max());
        assert_eq!(answer["class"].as_i64(), Some(probabilities.get(i).argmax(0, false).int64_value(&[])));
        // The file says so.
        assert_eq!(answer["refused"].as_bool(), Some(uncertainty.total.double_value(&[i]) > 0.9));
        refused += usize::from(answer["refused"] == true);
    }
    assert!((1..5).contains(&refused), "{refused} of 5 are refused, which shows nothing");
}

#[test]
fn numbers_come_with_the_moments_and_an_observations_interval() {
    let wanted = wanted();
    let Wanted { triples, numbers: (mean, std), .. } = &*wanted;
    let server = Running::start("numbers", Limits::default());
    let answers = server.predict(&rows(triples)).json();
    for i in 0..4 {
        let answer = &answers["answers"][i as usize];
        near(&answer["mean"], &mean.get(i));
        near(&answer["std"], &std.get(i));
        near(&answer["doubt"], &std.get(i).max());
        // 0.5 is the noise that the file says, and 1.644854 the 95 % quantile of a normal variable.
        let half: Tensor = (std.get(i).square() + 0.25).sqrt() * 1.644_854;
        near(&answer["interval"]["low"], &(mean.get(i) - &half));
        near(&answer["interval"]["high"], &(mean.get(i) + &half));
        assert_eq!(answer["refused"], false);
    }
    let row = rows(&triples.narrow(0, 2, 1));
    let one = server.predict(row.strip_prefix('[').unwrap().strip_suffix(']').unwrap()).json();
    assert_eq!(one["answers"], serde_json::json!([answers["answers"][2]]));
}

#[test]
fn tokens_of_any_number_are_taken() {
    let server = Running::start("texts", Limits::default());
    for body in ["[3]", "[0, 19, 7, 7]", "[[1, 2], [3, 4]]"] {
        let answer = server.predict(body);
        assert_eq!(answer.status, 200, "{answer:?}");
        let sum = numbers(&answer.json()["answers"][0]["probabilities"]).sum(Kind::Double).double_value(&[]);
        assert!((sum - 1.0).abs() < 1e-6);
    }
    for (body, words) in [
        ("[1, 2.5]", "2.5 is no token"),
        ("[[1], [-1]]", "row 1: -1.0 is no token"),
        ("[1e18]", "is no token"),
        ("[1, 1, 1, 1, 1, 1, 1, 1, 1]", "the net cannot take this"),
        ("[]", "`seq` may be 1 to 512 long, this is 0"),
        ("[3, 20]", "20.0 is no token, a whole number from 0 to 19"),
    ] {
        let answer = server.predict(body);
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        assert!(answer.sentence().contains(words), "{body}: {answer:?}");
    }
    assert_eq!(server.predict("[1]").status, 200);
}

#[test]
fn what_cannot_be_served_is_said_at_the_start() {
    let sentence = |name: &str| match Model::load(&file(name)) {
        Ok(_) => panic!("{name} is served"),
        Err(failure) => failure.to_string(),
    };
    assert!(sentence("mean").contains("a mean has no doubt"));
    assert!(sentence("moments-of-classes").contains("export draws"));
    assert!(sentence("places").contains("one vector for each row"));
    assert!(sentence("no-such-file").contains("no-such-file.onnx"));
    let unclear = Model::load(&file("unclear")).unwrap();
    let failure = Rule::new(&unclear, None, None, 0.9).unwrap_err().to_string();
    assert!(failure.contains("`much`: a number from 0 is wanted"), "{failure}");
    // What the command line says is taken instead.
    assert!(Rule::new(&unclear, Some(0.5), None, 0.9).is_ok());
}
