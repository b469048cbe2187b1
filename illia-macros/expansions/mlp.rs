/// Two hidden layers of 400, as in Blundell et al. (2015).
pub struct Mlp {
    fc1: ::illia::nn::Linear,
    fc2: ::illia::nn::Linear,
    ///The step `head`.
    pub head: ::illia::nn::Linear,
}
#[automatically_derived]
#[allow(unused_variables)]
impl ::core::fmt::Debug for Mlp {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        __f.debug_struct("Mlp")
            .field("fc1", &self.fc1)
            .field("fc2", &self.fc2)
            .field("head", &self.head)
            .finish()
    }
}
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl Mlp {
    /// The shape of one example, without the batch.
    pub const INPUT: ::illia::Shape = <Self as ::illia::Net>::INPUT;
    /// The shape of what comes out for one example.
    pub const OUTPUT: ::illia::Shape = <Self as ::illia::Net>::OUTPUT;
    /// A new net, whose variables are added to the path.
    ///
    /// # Panics
    /// With a sentence, where `try_new` is an error.
    #[track_caller]
    pub fn new(__path: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default(),
            ::illia::NoArguments {},
        )
    }
    /// A new net, whose variables are added to the path.
    ///
    /// # Errors
    /// A sentence that names the layer, for sizes that do not fit and numbers outside of their range; nothing is added
    /// then.
    pub fn try_new(
        __path: &::illia::tch::nn::Path<'_>,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        <Self as ::illia::Net>::try_with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default(),
            ::illia::NoArguments {},
        )
    }
    /// The deterministic twin: the same net with plain weights.
    ///
    /// # Panics
    /// As `new`.
    #[track_caller]
    pub fn deterministic(__path: &::illia::tch::nn::Path<'_>) -> Self {
        ::illia::__private::with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default().deterministic(),
            ::illia::NoArguments {},
        )
    }
    /// Batches of inputs to batches of outputs, in evaluation mode.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward(&self, __input: &::illia::tch::Tensor) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(__input, false))
    }
    /// The same; dropout and batch norms are in training mode if asked for.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    pub fn forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(__input, __train))
    }
    /// `forward`, with its errors.
    ///
    /// # Errors
    /// `Error::Shape` for another shape; what the layers return, with their names.
    pub fn try_forward(
        &self,
        __input: &::illia::tch::Tensor,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        self.try_forward_t(__input, false)
    }
    /// `forward_t`, with its errors.
    ///
    /// # Errors
    /// As `try_forward`.
    pub fn try_forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        <Self as ::illia::Net>::try_forward_t(self, __input, __train)
    }
}
#[automatically_derived]
#[allow(
    trivial_numeric_casts,
    unused_imports,
    unused_variables,
    unused_mut,
    unused_assignments,
    unused_parens,
    unused_braces,
    clippy::all
)]
impl ::illia::Net for Mlp {
    type Arguments = ::illia::NoArguments;
    const INPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(784)]);
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(10)]);
    fn make(
        __path: &::illia::tch::nn::Path<'_>,
        __given: &::illia::Defaults,
        __arguments: Self::Arguments,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        let __defaults = ::core::clone::Clone::clone(__given);
        use ::illia::__private;
        let __whole = __defaults;
        let __defaults = __whole.inner();
        let __fc1 = __private::at(
            "fc1",
            ::illia::nn::Linear::try_new(
                &(__path / "fc1"),
                784,
                400,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __fc2 = __private::at(
            "fc2",
            ::illia::nn::Linear::try_new(
                &(__path / "fc2"),
                400,
                400,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let __defaults = __whole;
        let __head = __private::at(
            "head",
            ::illia::nn::Linear::try_new(
                &(__path / "head"),
                400,
                10,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        ::core::result::Result::Ok(Mlp {
            fc1: __fc1,
            fc2: __fc2,
            head: __head,
        })
    }
    fn try_forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        use ::illia::__private;
        __private::Axes::of("Mlp", Self::INPUT, __input)?;
        let mut __x = __input.shallow_clone();
        __x = __private::at("fc1", self.fc1.try_forward(&__x))?;
        __x = __private::at("fc1", __private::relu(&__x))?;
        __x = __private::at("fc2", self.fc2.try_forward(&__x))?;
        __x = __private::at("fc2", __private::relu(&__x))?;
        __x = __private::at("head", self.head.try_forward(&__x))?;
        ::core::result::Result::Ok(__x)
    }
}
#[automatically_derived]
#[allow(
    trivial_numeric_casts,
    unused_imports,
    unused_variables,
    unused_mut,
    unused_assignments,
    unused_parens,
    unused_braces,
    clippy::all
)]
impl ::illia::BayesianModule for Mlp {
    fn visit<'__a>(&'__a self, __visitor: &mut ::illia::Visitor<'__a>) {
        __visitor.module("fc1", &self.fc1);
        __visitor.module("fc2", &self.fc2);
        __visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, __visitor: &mut ::illia::VisitorMut<'_>) {
        __visitor.module("fc1", &mut self.fc1);
        __visitor.module("fc2", &mut self.fc2);
        __visitor.module("head", &mut self.head);
    }
    fn try_forward_module(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::option::Option<
        ::core::result::Result<::illia::tch::Tensor, ::illia::Error>,
    > {
        ::core::option::Option::Some(
            <Self as ::illia::Net>::try_forward_t(self, __input, __train),
        )
    }
    fn in_graph(
        &self,
        __inputs: &[&::illia::export::Value],
    ) -> ::core::option::Option<
        ::core::result::Result<::std::vec::Vec<::illia::export::Value>, ::illia::Error>,
    > {
        let __write = || -> ::core::result::Result<
            ::std::vec::Vec<::illia::export::Value>,
            ::illia::Error,
        > {
            use ::illia::__private::graph as __private;
            let __train = false;
            let [__input0] = __private::inputs::<1usize>("Mlp", __inputs)?;
            let mut __axes = __private::Axes::new();
            __axes
                .input(
                    "Mlp",
                    ::illia::Shape::new(&[::illia::Axis::Fixed(784)]),
                    &__input0,
                )?;
            let mut __x = __input0.shallow_clone();
            __x = __private::layer("fc1", &self.fc1, &__x, ())?;
            __x = __private::at("fc1", __private::relu(&__x))?;
            __x = __private::layer("fc2", &self.fc2, &__x, ())?;
            __x = __private::at("fc2", __private::relu(&__x))?;
            __x = __private::layer("head", &self.head, &__x, ())?;
            ::core::result::Result::Ok([__x.shallow_clone()].to_vec())
        };
        ::core::option::Option::Some(__write())
    }
    fn structure(&self) -> ::core::option::Option<::illia::__private::Structure> {
        use ::illia::__private;
        ::core::option::Option::Some(
            __private::Structure::new(
                "Mlp",
                &[("", __private::Shape::new(&[__private::Axis::Fixed(784)]))],
                &[("", __private::Shape::new(&[__private::Axis::Fixed(10)]))],
                ::std::vec![
                    __private::row("fc1", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(400)]), & self.fc1), __private::row("fc2",
                    "Linear", __private::Shape::new(& [__private::Axis::Fixed(400)]), &
                    self.fc2), __private::row("head", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(10)]), & self.head)
                ],
                &[
                    (0, 0, "relu", &[(0, "")]),
                    (1, 1, "relu", &[(1, "")]),
                    (2, 2, "", &[(2, "")]),
                ],
                &[&[(3, "")]],
            ),
        )
    }
    fn per_example(&self) -> bool {
        true
    }
}
#[automatically_derived]
impl ::illia::tch::nn::ModuleT for Mlp {
    fn forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(
            <Self as ::illia::Net>::try_forward_t(self, __input, __train),
        )
    }
}
#[automatically_derived]
#[allow(unused_variables)]
impl ::core::fmt::Display for Mlp {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(__f, ::illia::BayesianModule::structure(self))
    }
}
