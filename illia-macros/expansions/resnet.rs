#[derive(::core::fmt::Debug)]
pub struct Net {
    stem: ::illia::nn::Conv2d,
    blocks: [Block<8>; 3],
    widen: ::illia::nn::Conv2d,
    project: ::illia::nn::Conv2d,
    near: ::illia::nn::Conv2d,
    far: ::illia::nn::Conv2d,
    hidden: ::std::vec::Vec<::illia::nn::Linear>,
    head: ::illia::nn::Linear,
}
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape0: ::illia::Shape = ::illia::__private::through(
    <Block<8> as ::illia::Net>::INPUT,
    <Block<8> as ::illia::Net>::OUTPUT,
    ::illia::Shape::new(
        &[::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8)],
    ),
);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape1: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape0,
    16,
    &[3, 3],
    &[1, 1],
    &[1, 1],
    &[1, 1],
);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape2: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape0,
    16,
    &[1, 1],
    &[1, 1],
    &[0, 0],
    &[1, 1],
);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape3: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape1,
    4,
    &[1, 1],
    &[1, 1],
    &[0, 0],
    &[1, 1],
);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape4: ::illia::Shape = ::illia::__private::windowed(
    __Net_shape1,
    4,
    &[5, 5],
    &[1, 1],
    &[2, 2],
    &[1, 1],
);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape5: ::illia::Shape = ::illia::__private::joined(
    __Net_shape3,
    __Net_shape4,
);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape6: ::illia::Shape = ::illia::__private::first_only(__Net_shape5);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape7: ::illia::Shape = ::illia::__private::with_last(__Net_shape6, 8);
#[doc(hidden)]
#[allow(
    non_upper_case_globals,
    dead_code,
    trivial_numeric_casts,
    unused_parens,
    clippy::all
)]
const __Net_shape8: ::illia::Shape = ::illia::__private::with_last(__Net_shape7, 10);
#[automatically_derived]
#[allow(dead_code, clippy::all)]
impl Net {
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
impl ::illia::Net for Net {
    const INPUT: ::illia::Shape = ::illia::Shape::new(
        &[::illia::Axis::Fixed(1), ::illia::Axis::Fixed(8), ::illia::Axis::Fixed(8)],
    );
    const OUTPUT: ::illia::Shape = ::illia::Shape::new(&[::illia::Axis::Fixed(10)]);
    const CHECKED: () = {
        <Block<8> as ::illia::Net>::CHECKED;
    };
    fn try_with(
        p: &::illia::tch::nn::Path<'_>,
        posterior: &dyn ::core::ops::Fn(::illia::Posterior) -> ::illia::Posterior,
    ) -> ::core::result::Result<Self, ::illia::Error> {
        const { <Self as ::illia::Net>::CHECKED };
        let stem = ::illia::nn::Conv2d::try_new(
            &(p / "stem"),
            1,
            8,
            ::illia::nn::Size([3, 3]),
            ::illia::nn::ConvConfig {
                padding: ::illia::nn::Size([1, 1]),
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let blocks = ::illia::__private::array(
            &(p / "blocks"),
            |p| <Block<8> as ::illia::Net>::try_with(p, posterior),
        )?;
        let widen = ::illia::nn::Conv2d::try_new(
            &(p / "2" / "widen"),
            __Net_shape0.size(0),
            16,
            ::illia::nn::Size([3, 3]),
            ::illia::nn::ConvConfig {
                padding: ::illia::nn::Size([1, 1]),
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let project = ::illia::nn::Conv2d::try_new(
            &(p / "2" / "project"),
            __Net_shape0.size(0),
            16,
            ::illia::nn::Size([1, 1]),
            ::illia::nn::ConvConfig {
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let near = ::illia::nn::Conv2d::try_new(
            &(p / "3" / "0" / "near"),
            __Net_shape1.size(0),
            4,
            ::illia::nn::Size([1, 1]),
            ::illia::nn::ConvConfig {
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let far = ::illia::nn::Conv2d::try_new(
            &(p / "3" / "1" / "far"),
            __Net_shape1.size(0),
            4,
            ::illia::nn::Size([5, 5]),
            ::illia::nn::ConvConfig {
                padding: ::illia::nn::Size([2, 2]),
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        let hidden = ::illia::__private::repeat(
            2,
            |i1| ::illia::nn::Linear::try_new(
                &(p / "5" / i1 / "hidden"),
                __Net_shape6.last(),
                8,
                ::illia::nn::LinearConfig {
                    posterior: posterior(::core::default::Default::default()),
                    ..::core::default::Default::default()
                },
            ),
        )?;
        let head = ::illia::nn::Linear::try_new(
            &(p / "head"),
            __Net_shape7.last(),
            10,
            ::illia::nn::LinearConfig {
                posterior: posterior(::core::default::Default::default()),
                ..::core::default::Default::default()
            },
        )?;
        ::core::result::Result::Ok(Net {
            stem: stem,
            blocks: blocks,
            widen: widen,
            project: project,
            near: near,
            far: far,
            hidden: hidden,
            head: head,
        })
    }
    fn try_forward_t(
        &self,
        x: &::illia::tch::Tensor,
        train: bool,
    ) -> ::core::result::Result<::illia::tch::Tensor, ::illia::Error> {
        ::illia::__private::Axes::of("Net", Self::INPUT, x)?;
        let mut x = x.shallow_clone();
        x = ::illia::__private::at("stem", self.stem.try_forward(&x))?;
        x = ::illia::__private::at("stem", ::illia::__private::relu(&x))?;
        for block in &self.blocks {
            x = ::illia::__private::at(
                "blocks",
                <Block<8> as ::illia::Net>::try_forward_t(block, &x, train),
            )?;
        }
        {
            let skip = ::illia::__private::at(
                "2.project",
                self.project.try_forward(&x),
            )?;
            x = ::illia::__private::at("2.widen", self.widen.try_forward(&x))?;
            x = ::illia::__private::at("2.widen", ::illia::__private::relu(&x))?;
            x = ::illia::__private::add(&skip, &x)?;
        }
        x = ::illia::__private::concat(
            __Net_shape5,
            &[
                {
                    let mut x = x.shallow_clone();
                    x = ::illia::__private::at("3.0.near", self.near.try_forward(&x))?;
                    x
                },
                {
                    let mut x = x.shallow_clone();
                    x = ::illia::__private::at("3.1.far", self.far.try_forward(&x))?;
                    x = ::illia::__private::at("3.1.far", ::illia::__private::relu(&x))?;
                    x
                },
            ],
        )?;
        x = ::illia::__private::at("4", ::illia::__private::global_avg_pool(&x))?;
        for i1 in 0..2 {
            x = ::illia::__private::at("5.hidden", self.hidden[i1].try_forward(&x))?;
            x = ::illia::__private::at("5.hidden", ::illia::__private::tanh(&x))?;
        }
        x = ::illia::__private::at("head", self.head.try_forward(&x))?;
        ::core::result::Result::Ok(x)
    }
}
#[automatically_derived]
#[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
impl ::illia::BayesianModule for Net {
    fn visit<'__a>(&'__a self, visitor: &mut ::illia::Visitor<'__a>) {
        visitor.module("stem", &self.stem);
        visitor.module("blocks", &self.blocks);
        visitor.module("2.project", &self.project);
        visitor.module("2.widen", &self.widen);
        visitor.module("3.0.near", &self.near);
        visitor.module("3.1.far", &self.far);
        for i1 in 0..2 {
            visitor.module(&::std::format!("5.{}.hidden", i1), &self.hidden[i1]);
        }
        visitor.module("head", &self.head);
    }
    fn visit_mut(&mut self, visitor: &mut ::illia::VisitorMut<'_>) {
        visitor.module("stem", &mut self.stem);
        visitor.module("blocks", &mut self.blocks);
        visitor.module("2.project", &mut self.project);
        visitor.module("2.widen", &mut self.widen);
        visitor.module("3.0.near", &mut self.near);
        visitor.module("3.1.far", &mut self.far);
        for i1 in 0..2 {
            visitor.module(&::std::format!("5.{}.hidden", i1), &mut self.hidden[i1]);
        }
        visitor.module("head", &mut self.head);
    }
}
#[automatically_derived]
impl ::illia::tch::nn::ModuleT for Net {
    fn forward_t(&self, x: &::illia::tch::Tensor, train: bool) -> ::illia::tch::Tensor {
        ::illia::__private::forward_t(self, x, train)
    }
}
#[automatically_derived]
#[allow(trivial_numeric_casts, unused_variables, unused_parens, clippy::all)]
impl ::core::fmt::Display for Net {
    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
        ::illia::__private::summary(
            f,
            "Net",
            Self::INPUT,
            Self::OUTPUT,
            &[
                ::illia::__private::Row::of(
                        "stem",
                        "Conv2d",
                        ::illia::Shape::new(
                            &[
                                ::illia::Axis::Fixed(8),
                                ::illia::Axis::Fixed(8),
                                ::illia::Axis::Fixed(8),
                            ],
                        ),
                        &self.stem,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of(
                    "blocks",
                    "3 × Block<8>",
                    __Net_shape0,
                    &self.blocks,
                ),
                ::illia::__private::Row::of(
                        "2.widen",
                        "Conv2d",
                        __Net_shape1,
                        &self.widen,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of(
                        "2.project",
                        "Conv2d",
                        __Net_shape2,
                        &self.project,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of(
                        "3.0.near",
                        "Conv2d",
                        __Net_shape3,
                        &self.near,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of("3.1.far", "Conv2d", __Net_shape4, &self.far)
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::new("4", "global_avg_pool", __Net_shape6),
                ::illia::__private::Row::of(
                        "5.hidden",
                        "2 × Linear",
                        __Net_shape7,
                        &self.hidden,
                    )
                    .by(::illia::Estimator::Reparameterization),
                ::illia::__private::Row::of("head", "Linear", __Net_shape8, &self.head)
                    .by(::illia::Estimator::Reparameterization),
            ],
        )
    }
}
#[allow(trivial_numeric_casts, unused_parens, unused_braces, dead_code, clippy::all)]
const _: () = {
    const _: () = ::illia::__private::require(
        ::illia::__private::accepts(
            <Block<8> as ::illia::Net>::INPUT,
            ::illia::Shape::new(
                &[
                    ::illia::Axis::Fixed(8),
                    ::illia::Axis::Fixed(8),
                    ::illia::Axis::Fixed(8),
                ],
            ),
        ),
        &::illia::__private::Message::new()
            .text("`blocks` takes ")
            .shape(<Block<8> as ::illia::Net>::INPUT)
            .text(", but `stem` gives ")
            .shape(
                ::illia::Shape::new(
                    &[
                        ::illia::Axis::Fixed(8),
                        ::illia::Axis::Fixed(8),
                        ::illia::Axis::Fixed(8),
                    ],
                ),
            ),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::accepts(<Block<8> as ::illia::Net>::INPUT, __Net_shape0),
        &::illia::__private::Message::new()
            .text(
                "`blocks` is an array: each `Block<8>` must take what the one before gives, but it takes ",
            )
            .shape(<Block<8> as ::illia::Net>::INPUT)
            .text(" and gives ")
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        __Net_shape0.rank() == 3usize,
        &::illia::__private::Message::new()
            .text(
                "`widen` is a Conv2d and takes [channels, height, width], but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        __Net_shape0.size(0) > 0,
        &::illia::__private::Message::new()
            .text(
                "`widen` is a Conv2d over channels, the first axis, whose size must be known, but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::positive(
            ::illia::__private::windowed(
                __Net_shape0,
                16,
                &[3, 3],
                &[1, 1],
                &[1, 1],
                &[1, 1],
            ),
        ),
        &::illia::__private::Message::new()
            .text("the kernel of `widen` is larger than its padded input, ")
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        __Net_shape0.rank() == 3usize,
        &::illia::__private::Message::new()
            .text(
                "`project` is a Conv2d and takes [channels, height, width], but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        __Net_shape0.size(0) > 0,
        &::illia::__private::Message::new()
            .text(
                "`project` is a Conv2d over channels, the first axis, whose size must be known, but `blocks` gives ",
            )
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::positive(
            ::illia::__private::windowed(
                __Net_shape0,
                16,
                &[1, 1],
                &[1, 1],
                &[0, 0],
                &[1, 1],
            ),
        ),
        &::illia::__private::Message::new()
            .text("the kernel of `project` is larger than its padded input, ")
            .shape(__Net_shape0),
    );
    const _: () = ::illia::__private::require(
        __Net_shape2.same(&__Net_shape1),
        &::illia::__private::Message::new()
            .text("the ends of a `residual` must be alike, but `project` gives ")
            .shape(__Net_shape2)
            .text(" and `widen` gives ")
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        __Net_shape1.rank() == 3usize,
        &::illia::__private::Message::new()
            .text(
                "`near` is a Conv2d and takes [channels, height, width], but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        __Net_shape1.size(0) > 0,
        &::illia::__private::Message::new()
            .text(
                "`near` is a Conv2d over channels, the first axis, whose size must be known, but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::positive(
            ::illia::__private::windowed(
                __Net_shape1,
                4,
                &[1, 1],
                &[1, 1],
                &[0, 0],
                &[1, 1],
            ),
        ),
        &::illia::__private::Message::new()
            .text("the kernel of `near` is larger than its padded input, ")
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        __Net_shape1.rank() == 3usize,
        &::illia::__private::Message::new()
            .text(
                "`far` is a Conv2d and takes [channels, height, width], but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        __Net_shape1.size(0) > 0,
        &::illia::__private::Message::new()
            .text(
                "`far` is a Conv2d over channels, the first axis, whose size must be known, but the `residual` gives ",
            )
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::positive(
            ::illia::__private::windowed(
                __Net_shape1,
                4,
                &[5, 5],
                &[1, 1],
                &[2, 2],
                &[1, 1],
            ),
        ),
        &::illia::__private::Message::new()
            .text("the kernel of `far` is larger than its padded input, ")
            .shape(__Net_shape1),
    );
    const _: () = ::illia::__private::require(
        ::illia::__private::joinable(__Net_shape3, __Net_shape4),
        &::illia::__private::Message::new()
            .text(
                "the branches of a `concat` may differ in their features alone, but `near` gives ",
            )
            .shape(__Net_shape3)
            .text(" and `far` gives ")
            .shape(__Net_shape4),
    );
    const _: () = ::illia::__private::require(
        __Net_shape5.rank() >= 2,
        &::illia::__private::Message::new()
            .text(
                "`global_avg_pool` takes [channels, spatial..], but the `concat` gives ",
            )
            .shape(__Net_shape5),
    );
    const _: () = ::illia::__private::require(
        __Net_shape6.same(&__Net_shape7),
        &::illia::__private::Message::new()
            .text(
                "a `repeat` of 2 times must keep its shape, but `global_avg_pool` gives ",
            )
            .shape(__Net_shape6)
            .text(" and `hidden` gives ")
            .shape(__Net_shape7)
            .text("; put the step that changes it before the `repeat`"),
    );
    const _: () = ::illia::__private::require(
        __Net_shape6.last() > 0,
        &::illia::__private::Message::new()
            .text(
                "`hidden` is a Linear layer on the last axis, whose size must be known, but `global_avg_pool` gives ",
            )
            .shape(__Net_shape6),
    );
    const _: () = ::illia::__private::require(
        __Net_shape7.last() > 0,
        &::illia::__private::Message::new()
            .text(
                "`head` is a Linear layer on the last axis, whose size must be known, but `hidden` gives ",
            )
            .shape(__Net_shape7),
    );
    const _: () = ::illia::__private::require(
        __Net_shape8.same(&::illia::Shape::new(&[::illia::Axis::Fixed(10)])),
        &::illia::__private::Message::new()
            .text("the output of `Net` is [10], but `head` gives ")
            .shape(__Net_shape8),
    );
    const _: () = <Net as ::illia::Net>::CHECKED;
};
