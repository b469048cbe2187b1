//! Collections of modules, which are modules too.

use std::collections::{BTreeMap, HashMap};

use illia_shape::Axis;
use tch::Tensor;

use crate::error::Result;
use crate::graph::Value;
use crate::module::{BayesianModule, Count, Structure, Visitor, VisitorMut};

/// Nothing in it.
macro_rules! empty {
    ($([$($generics:tt)*] $empty:ty),*) => {$(
        impl<$($generics)*> BayesianModule for $empty {
            fn visit<'a>(&'a self, _: &mut Visitor<'a>) {}
            fn visit_mut(&mut self, _: &mut VisitorMut<'_>) {}
            fn per_example(&self) -> bool {
                true
            }
            $crate::nn::element_by_element!();
        }
    )*};
}

empty!([] (), [T: ?Sized] std::marker::PhantomData<T>);

/// One module, perhaps: adds nothing to the names.
macro_rules! transparent {
    ($(<$m:ident> $wrapper:ty),*) => {$(
        impl<$m: BayesianModule + ?Sized> BayesianModule for $wrapper {
            fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
                (**self).visit(visitor);
            }
            fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
                (**self).visit_mut(visitor);
            }
            fn try_forward_module(&self, x: &Tensor, train: bool) -> Option<Result<Tensor>> {
                (**self).try_forward_module(x, train)
            }
            fn per_example(&self) -> bool {
                (**self).per_example()
            }
            fn in_graph(&self, inputs: &[&Value]) -> Option<Result<Vec<Value>>> {
                (**self).in_graph(inputs)
            }
            fn structure(&self) -> Option<Structure> {
                (**self).structure()
            }
            fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
                (**self).multiply_adds(output)
            }
        }
    )*};
}

transparent!(<M> Box<M>, <M> &mut M);

impl<M: BayesianModule> BayesianModule for Option<M> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        if let Some(module) = self {
            module.visit(visitor);
        }
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        if let Some(module) = self {
            module.visit_mut(visitor);
        }
    }
    fn per_example(&self) -> bool {
        self.as_ref().is_none_or(BayesianModule::per_example)
    }
}

impl<M: BayesianModule> BayesianModule for [M] {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        for (i, module) in self.iter().enumerate() {
            visitor.module(&i.to_string(), module);
        }
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        for (i, module) in self.iter_mut().enumerate() {
            visitor.module(&i.to_string(), module);
        }
    }
    fn per_example(&self) -> bool {
        self.iter().all(BayesianModule::per_example)
    }
    /// Of several that follow each other, what one consists of.
    fn structure(&self) -> Option<Structure> {
        self.first()?.structure()
    }
    fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
        self.iter().try_fold(Count::default(), |sum, module| Some(sum.plus(&module.multiply_adds(output)?)))
    }
}

macro_rules! as_slice {
    ($([$($generics:tt)*] $collection:ty),*) => {$(
        impl<$($generics)*> BayesianModule for $collection {
            fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
                self.as_slice().visit(visitor);
            }
            fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
                self.as_mut_slice().visit_mut(visitor);
            }
            fn per_example(&self) -> bool {
                self.as_slice().per_example()
            }
            fn structure(&self) -> Option<Structure> {
                self.as_slice().structure()
            }
            fn multiply_adds(&self, output: &[Axis]) -> Option<Count> {
                self.as_slice().multiply_adds(output)
            }
        }
    )*};
}

as_slice!([M: BayesianModule] Vec<M>, [M: BayesianModule, const N: usize] [M; N]);

impl<K: ToString, M: BayesianModule> BayesianModule for BTreeMap<K, M> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        for (key, module) in self {
            visitor.module(&key.to_string(), module);
        }
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        for (key, module) in self {
            visitor.module(&key.to_string(), module);
        }
    }
    fn per_example(&self) -> bool {
        self.values().all(BayesianModule::per_example)
    }
}

/// Visited in the order of the keys, so that what is computed over the map does not depend on the
/// hasher.
impl<K: ToString, M: BayesianModule, S> BayesianModule for HashMap<K, M, S> {
    fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
        let mut modules: Vec<_> = self.iter().map(|(key, module)| (key.to_string(), module)).collect();
        modules.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, module) in modules {
            visitor.module(&key, module);
        }
    }
    fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
        let mut modules: Vec<_> = self.iter_mut().map(|(key, module)| (key.to_string(), module)).collect();
        modules.sort_by(|a, b| a.0.cmp(&b.0));
        for (key, module) in modules {
            visitor.module(&key, module);
        }
    }
    fn per_example(&self) -> bool {
        self.values().all(BayesianModule::per_example)
    }
}

macro_rules! tuples {
    ($($m:ident $i:tt),+) => {
        impl<$($m: BayesianModule),+> BayesianModule for ($($m,)+) {
            fn visit<'a>(&'a self, visitor: &mut Visitor<'a>) {
                $(visitor.module(stringify!($i), &self.$i);)+
            }
            fn visit_mut(&mut self, visitor: &mut VisitorMut<'_>) {
                $(visitor.module(stringify!($i), &mut self.$i);)+
            }
            fn per_example(&self) -> bool {
                $(self.$i.per_example())&&+
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
