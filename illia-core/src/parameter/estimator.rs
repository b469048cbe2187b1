//! Which estimator a layer has.

/// How a layer turns posterior and input into a random output.
///
/// An adapter's own weight is not random; what is said here holds of its factor A, whose output is what is drawn.
/// [`Automatic`](Self::Automatic) is [`Flipout`](Self::Flipout) for it.
///
/// All have the same mean and, for one example, the same variance; they differ in how the
/// examples of a batch share noise, and so in the variance of a mini-batch's gradient. An
/// estimator acts on Gaussian posteriors that are not frozen; elsewhere the weights are used as
/// drawn. Of Gaussian dropout, local reparameterisation and Flipout are one thing: in a step of training each example has factors of its own, the
/// same at all its places and, within an `each { .. }`, elements. It is for training: in [`Predict`](crate::Predict), where every draw is one function of all
/// examples, weights are drawn whatever the estimator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Estimator {
    /// In [`Fit`](crate::Fit) as [`LocalReparameterization`](Self::LocalReparameterization), whose gradients vary least; one draw of
    /// the weights elsewhere: in a forward of your own, so that it is one function and can be frozen, and in steps of your own,
    /// since it costs half of the products ([`Trainer::estimator`](crate::Trainer::estimator) changes that).
    #[default]
    Automatic,
    /// One draw of the weights for the whole batch (Blundell et al. 2015).
    Reparameterization,
    /// Each output element from its own normal distribution (Kingma, Salimans & Welling 2015,
    /// equation 6): the variance of the mini-batch's gradient falls with the batch size. What one
    /// example gives at several places (the positions of a convolution, as in Molchanov et al. 2017,
    /// the steps of a sequence, the elements of an `each { .. }`) is drawn for each by itself: the places'
    /// covariance is left out.
    LocalReparameterization,
    /// One draw for the batch, decorrelated by random signs for each example, the same at all its places and elements
    /// (Wen et al. 2018, equation 4).
    Flipout,
}
