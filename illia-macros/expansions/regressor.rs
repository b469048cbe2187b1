/// One hidden layer; how wide, and for how many columns, the data say.
struct Regressor {
    fc: ::illia::nn::Linear,
    head: ::illia::nn::Linear,
    __arguments: ::illia::__private::Kept<__RegressorArguments>,
}
#[automatically_derived]
#[allow(unused_variables)]
impl ::core::fmt::Debug for Regressor {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        __f.debug_struct("Regressor")
            .field("fc", &self.fc)
            .field("head", &self.head)
            .finish()
    }
}
#[automatically_derived]
impl ::illia::Arguments for __RegressorArguments {}
#[doc(hidden)]
#[allow(dead_code, non_camel_case_types)]
struct __RegressorArguments {
    pub features: i64,
    pub hidden: usize,
    pub p: f64,
    pub scale: f64,
}
#[automatically_derived]
#[allow(dead_code)]
impl __RegressorArguments {
    fn __features(&self) -> i64 {
        ::core::clone::Clone::clone(&self.features)
    }
    fn __hidden(&self) -> usize {
        ::core::clone::Clone::clone(&self.hidden)
    }
    fn __p(&self) -> f64 {
        ::core::clone::Clone::clone(&self.p)
    }
    fn __scale(&self) -> f64 {
        ::core::clone::Clone::clone(&self.scale)
    }
}
#[automatically_derived]
impl ::core::fmt::Debug for __RegressorArguments {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        __f.debug_struct("Regressor")
            .field("features", &self.features)
            .field("hidden", &self.hidden)
            .field("p", &self.p)
            .field("scale", &self.scale)
            .finish()
    }
}
#[automatically_derived]
impl ::core::clone::Clone for __RegressorArguments {
    fn clone(&self) -> Self {
        __RegressorArguments {
            features: self.__features(),
            hidden: self.__hidden(),
            p: self.__p(),
            scale: self.__scale(),
        }
    }
}
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl Regressor {
    /// A new net, whose variables are added to the path.
    ///
    /// # Panics
    /// With a sentence, where `try_new` is an error.
    #[track_caller]
    fn new(
        __path: &::illia::tch::nn::Path<'_>,
        features: i64,
        hidden: usize,
        p: f64,
        scale: f64,
    ) -> Self {
        ::illia::__private::with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default(),
            __RegressorArguments {
                features,
                hidden,
                p,
                scale,
            },
        )
    }
    /// A new net, whose variables are added to the path.
    ///
    /// # Errors
    /// A sentence that names the layer, for sizes that do not fit and numbers outside of their range; nothing is added
    /// then.
    fn try_new(
        __path: &::illia::tch::nn::Path<'_>,
        features: i64,
        hidden: usize,
        p: f64,
        scale: f64,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        <Self as ::illia::Net>::try_with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default(),
            __RegressorArguments {
                features,
                hidden,
                p,
                scale,
            },
        )
    }
    /// The deterministic twin: the same net with plain weights.
    ///
    /// # Panics
    /// As `new`.
    #[track_caller]
    fn deterministic(
        __path: &::illia::tch::nn::Path<'_>,
        features: i64,
        hidden: usize,
        p: f64,
        scale: f64,
    ) -> Self {
        ::illia::__private::with(
            __path,
            &<::illia::Defaults as ::core::default::Default>::default().deterministic(),
            __RegressorArguments {
                features,
                hidden,
                p,
                scale,
            },
        )
    }
    /// Batches of inputs to batches of outputs, in evaluation mode.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    fn forward(&self, __input: &::illia::tch::Tensor) -> ::illia::tch::Tensor {
        ::illia::__private::or_fail(self.try_forward_t(__input, false))
    }
    /// The same; dropout and batch norms are in training mode if asked for.
    ///
    /// # Panics
    /// With the layer, the expected and the given shape, where `try_forward` is an error.
    #[track_caller]
    fn forward_t(
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
    fn try_forward(
        &self,
        __input: &::illia::tch::Tensor,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        self.try_forward_t(__input, false)
    }
    /// `forward_t`, with its errors.
    ///
    /// # Errors
    /// As `try_forward`.
    fn try_forward_t(
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
impl ::illia::Net for Regressor {
    type Arguments = __RegressorArguments;
    const INPUT: ::illia::Shape = ::illia::Shape::new(
        &[::illia::Axis::Named("features")],
    );
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(1)]);
    fn input(__arguments: &Self::Arguments, __which: usize) -> ::illia::Shape {
        let features = __arguments.__features();
        ::illia::__private::nth(
            &[::illia::Shape::new(&[::illia::Axis::Fixed((features as i64))])],
            __which,
        )
    }
    fn output(__arguments: &Self::Arguments, __which: usize) -> ::illia::Shape {
        ::illia::__private::nth(
            &[::illia::Shape::new(&[::illia::Axis::Fixed(1)])],
            __which,
        )
    }
    fn ports(&self) -> ::illia::__private::graph::Ports {
        let features = self.__arguments.__features();
        ::illia::__private::graph::Ports {
            inputs: ::illia::__private::graph::named(
                &[""],
                &[::illia::Shape::new(&[::illia::Axis::Fixed((features as i64))])],
            ),
            outputs: ::illia::__private::graph::named(
                &[""],
                &[::illia::Shape::new(&[::illia::Axis::Fixed(1)])],
            ),
        }
    }
    fn check(
        __arguments: &Self::Arguments,
    ) -> ::core::result::Result<(), ::illia::Error> {
        let features = __arguments.__features();
        let hidden = __arguments.__hidden();
        let p = __arguments.__p();
        let scale = __arguments.__scale();
        ::illia::__private::is_size(features);
        ::illia::__private::is_size(hidden);
        ::illia::__private::demand(
            "Regressor",
            ::illia::__private::is_positive(::illia::__private::number(scale)),
            ::core::format_args!(
                "`std` of `Gaussian` must be a number above 0, got {}",
                ::illia::__private::number(scale)
            ),
        )?;
        ::illia::__private::demand(
            "Regressor",
            (features as i64) >= 1,
            ::core::format_args!(
                "an axis of the input must be at least 1, got {}", (features as i64)
            ),
        )?;
        ::illia::__private::demand(
            "fc",
            (hidden as i64) >= 1,
            ::core::format_args!(
                "the output size of `Linear` must be at least 1, got {}", (hidden as i64)
            ),
        )?;
        ::illia::__private::demand(
            "fc",
            ::illia::__private::is_probability(::illia::__private::number(p)),
            ::core::format_args!(
                "`p` of `dropout` must be at least 0 and below 1, got {}",
                ::illia::__private::number(p)
            ),
        )?;
        ::core::result::Result::Ok(())
    }
    fn make(
        __path: &::illia::tch::nn::Path<'_>,
        __given: &::illia::Defaults,
        __arguments: Self::Arguments,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        let features = __arguments.__features();
        let hidden = __arguments.__hidden();
        let scale = __arguments.__scale();
        let __defaults = ::core::clone::Clone::clone(__given)
            .with_prior(::illia::Prior::Gaussian {
                mean: 0f64,
                std: ::illia::__private::number(scale),
            })
            .with_posterior(::illia::Posterior::fan_in());
        use ::illia::__private;
        let __whole = __defaults;
        let __defaults = __whole.inner();
        let __fc = __private::at(
            "fc",
            ::illia::nn::Linear::try_new(
                &(__path / "fc"),
                (features as i64),
                (hidden as i64),
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
                (hidden as i64),
                1,
                ::illia::nn::LinearConfig {
                    prior: __defaults.prior(),
                    posterior: __defaults.linear_posterior(),
                    estimator: __defaults.estimator(),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        ::core::result::Result::Ok(Regressor {
            fc: __fc,
            head: __head,
            __arguments: __private::Kept::new(__arguments),
        })
    }
    fn try_forward_t(
        &self,
        __input: &::illia::tch::Tensor,
        __train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        use ::illia::__private;
        let features = self.__arguments.__features();
        let p = self.__arguments.__p();
        __private::Axes::of(
            "Regressor",
            ::illia::Shape::new(&[::illia::Axis::Fixed((features as i64))]),
            __input,
        )?;
        let mut __x = __input.shallow_clone();
        __x = __private::at("fc", self.fc.try_forward(&__x))?;
        __x = __private::at("fc", __private::relu(&__x))?;
        __x = __private::at(
            "fc",
            __private::dropout(&__x, ::illia::__private::number(p), __train),
        )?;
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
impl ::illia::BayesianModule for Regressor {
    fn visit<'__a>(&'__a self, __visitor: &mut ::illia::Visitor<'__a>) {
        __visitor.module("fc", &self.fc);
        __visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, __visitor: &mut ::illia::VisitorMut<'_>) {
        __visitor.module("fc", &mut self.fc);
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
            let features = self.__arguments.__features();
            let p = self.__arguments.__p();
            use ::illia::__private::graph as __private;
            let __train = false;
            let [__input0] = __private::inputs::<1usize>("Regressor", __inputs)?;
            let mut __axes = __private::Axes::new();
            __axes
                .input(
                    "Regressor",
                    ::illia::Shape::new(&[::illia::Axis::Fixed((features as i64))]),
                    &__input0,
                )?;
            let mut __x = __input0.shallow_clone();
            __x = __private::layer("fc", &self.fc, &__x, ())?;
            __x = __private::at("fc", __private::relu(&__x))?;
            __x = __private::at(
                "fc",
                __private::dropout(&__x, ::illia::__private::number(p), __train),
            )?;
            __x = __private::layer("head", &self.head, &__x, ())?;
            ::core::result::Result::Ok([__x.shallow_clone()].to_vec())
        };
        ::core::option::Option::Some(__write())
    }
    fn structure(&self) -> ::core::option::Option<::illia::__private::Structure> {
        let features = self.__arguments.__features();
        let hidden = self.__arguments.__hidden();
        use ::illia::__private;
        ::core::option::Option::Some(
            __private::Structure::new(
                "Regressor",
                &[
                    (
                        "",
                        __private::Shape::new(
                            &[__private::Axis::Fixed((features as i64))],
                        ),
                    ),
                ],
                &[("", __private::Shape::new(&[__private::Axis::Fixed(1)]))],
                ::std::vec![
                    __private::row("fc", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed((hidden as i64))]), & self.fc),
                    __private::row("head", "Linear", __private::Shape::new(&
                    [__private::Axis::Fixed(1)]), & self.head)
                ],
                &[(0, 0, "relu, dropout", &[(0, "")]), (1, 1, "", &[(1, "")])],
                &[&[(2, "")]],
            ),
        )
    }
    fn per_example(&self) -> bool {
        true
    }
}
#[automatically_derived]
impl ::illia::tch::nn::ModuleT for Regressor {
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
impl ::core::fmt::Display for Regressor {
    fn fmt(&self, __f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(__f, ::illia::BayesianModule::structure(self))
    }
}
