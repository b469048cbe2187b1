/// Two hidden layers of 400, as in Blundell et al. (2015).
#[derive(Debug)]
pub struct Mlp {
    fc1: ::illia::nn::Linear,
    fc2: ::illia::nn::Linear,
    ///The step `head`.
    pub head: ::illia::nn::Linear,
}
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl Mlp {
    /// The shape of one example, without the batch.
    pub const INPUT: ::illia::Shape = <Self as ::illia::Net>::INPUT;
    /// The shape of what comes out for one example.
    pub const OUTPUT: ::illia::Shape = <Self as ::illia::Net>::OUTPUT;
    /// A new net, whose variables are added to `p`.
    ///
    /// # Panics
    /// With a sentence, where `try_new` is an error.
    #[track_caller]
    pub fn new(p: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(p, &|posterior| posterior)
    }
    /// A new net, whose variables are added to `p`.
    ///
    /// # Errors
    /// `Error::Configuration` for a number outside of its range.
    pub fn try_new(
        p: &::illia::tch::nn::Path<'_>,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        <Self as ::illia::Net>::try_with(p, &|posterior| posterior)
    }
    /// The deterministic twin: the same net with plain weights.
    ///
    /// # Panics
    /// As `new`.
    #[track_caller]
    pub fn deterministic(p: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(p, &::illia::Posterior::into_deterministic)
    }
    /// `[batch, INPUT..]` to `[batch, OUTPUT..]`, in evaluation mode.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward(&self, x: &::illia::tch::Tensor) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, false)
    }
    /// The same; dropout and batch norms are in training mode if `train`.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, train)
    }
    /// `forward`, with its errors.
    ///
    /// # Errors
    /// `Error::Shape` for another shape; what the layers return, with their names.
    pub fn try_forward(
        &self,
        x: &::illia::tch::Tensor,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        <Self as ::illia::Net>::try_forward_t(self, x, false)
    }
    /// `forward_t`, with its errors.
    ///
    /// # Errors
    /// As `try_forward`.
    pub fn try_forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        <Self as ::illia::Net>::try_forward_t(self, x, train)
    }
}
#[automatically_derived]
#[allow(
    trivial_numeric_casts,
    unused_variables,
    unused_mut,
    unused_parens,
    unused_braces,
    clippy::all
)]
impl ::illia::Net for Mlp {
    const INPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(784)]);
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(10)]);
    fn try_with(
        p: &::illia::tch::nn::Path<'_>,
        posterior: &dyn ::core::ops::Fn(::illia::Posterior) -> ::illia::Posterior,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        let fc1 = ::illia::nn::Linear::try_new(
            &(p / "fc1"),
            784,
            400,
            ::illia::nn::LinearConfig {
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let fc2 = ::illia::nn::Linear::try_new(
            &(p / "fc2"),
            400,
            400,
            ::illia::nn::LinearConfig {
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let head = ::illia::nn::Linear::try_new(
            &(p / "head"),
            400,
            10,
            ::illia::nn::LinearConfig {
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        ::core::result::Result::Ok(Mlp {
            fc1: fc1,
            fc2: fc2,
            head: head,
        })
    }
    fn try_forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        ::illia::__private::Axes::of("Mlp", Self::INPUT, x)?;
        let mut x = x.shallow_clone();
        x = ::illia::__private::at("fc1", self.fc1.try_forward(&x))?;
        x = ::illia::__private::at("fc1", ::illia::__private::relu(&x))?;
        x = ::illia::__private::at("fc2", self.fc2.try_forward(&x))?;
        x = ::illia::__private::at("fc2", ::illia::__private::relu(&x))?;
        x = ::illia::__private::at("head", self.head.try_forward(&x))?;
        ::core::result::Result::Ok(x)
    }
}
#[automatically_derived]
#[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
impl ::illia::BayesianModule for Mlp {
    fn visit<'__a>(&'__a self, visitor: &mut ::illia::Visitor<'__a>) {
        visitor.module("fc1", &self.fc1);
        visitor.module("fc2", &self.fc2);
        visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, visitor: &mut ::illia::VisitorMut<'_>) {
        visitor.module("fc1", &mut self.fc1);
        visitor.module("fc2", &mut self.fc2);
        visitor.module("head", &mut self.head);
    }
}
#[automatically_derived]
impl ::illia::tch::nn::ModuleT for Mlp {
    fn forward_t(&self, x: &::illia::tch::Tensor, train: bool) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, train)
    }
}
#[automatically_derived]
#[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
impl ::core::fmt::Display for Mlp {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(
            f,
            "Mlp",
            Self::INPUT,
            Self::OUTPUT,
            &[
                ::illia::__private::Row::of(
                        "fc1",
                        "Linear",
                        ::illia::Shape::new(&[::illia::Axis::Fixed(400)]),
                        &self.fc1,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of(
                        "fc2",
                        "Linear",
                        ::illia::Shape::new(&[::illia::Axis::Fixed(400)]),
                        &self.fc2,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of(
                        "head",
                        "Linear",
                        ::illia::Shape::new(&[::illia::Axis::Fixed(10)]),
                        &self.head,
                    )
                    .by(::illia::Estimator::Reparameterization),
            ],
        )
    }
}
