//! How large a transposed convolution makes `[channels, spatial..]`.

use quote::quote;

use super::Checker;
use super::arguments::Reader;
use super::convolutions::{Window, at_least_one, cond_of};
use super::layers::Site;
use crate::dim::{Cond, Dim, Level, Shape, computed};
use crate::say::Say;

impl Checker<'_> {
    /// What comes out, of which something is left; it is longer at one end by less than a step.
    pub fn grown(
        &mut self,
        site: &Site,
        reader: &Reader,
        outputs: &Dim,
        window: &Window,
        added: &[Dim],
    ) -> Shape {
        let private = self.private();
        let who = site.who;
        if let Some(expr) = self.named_argument(reader, "output_padding") {
            for (added, (stride, dilation)) in added.iter().zip(window.stride.iter().zip(&window.dilation)) {
                let say = Say::new(format!("`output_padding` of `{who}` is below its stride, "))
                    .size(stride)
                    .text(", or its dilation, ")
                    .size(dilation)
                    .text(": got ")
                    .size(added);
                let cond = match (added.fixed(), stride.fixed(), dilation.fixed()) {
                    (Some(added), Some(stride), Some(dilation)) => Cond::Known(added < stride.max(dilation)),
                    _ => cond_of(&[added, stride, dilation], |t| {
                        let [added, stride, dilation] = t else { return quote!(true) };
                        quote!((#added < #stride || #added < #dilation))
                    }),
                };
                if !self.require(&expr, cond, say) {
                    return Shape::Unknown(None);
                }
            }
        }
        let kind = site.kind;
        let at = self.named_argument(reader, "padding");
        let at = at.map_or_else(|| quote!(#kind), |padding| quote!(#padding));
        let added = added.to_vec();
        let lists = [&window.kernel, &window.stride, &window.padding, &added, &window.dilation];
        match &site.state.shape {
            Shape::Known(dims) => {
                let mut out = vec![outputs.clone()];
                for (axis, dim) in dims.iter().skip(1).enumerate() {
                    let settings: Vec<&Dim> = lists.iter().filter_map(|list| list.get(axis)).collect();
                    out.push(self.grow(dim, &settings));
                }
                let out = Shape::Known(out);
                for dim in out.dims().unwrap_or_default().iter().skip(1) {
                    let say = Say::new(format!("`{who}` leaves nothing: its output would be ")).shape(&out);
                    if !self.require(&at, at_least_one(dim), say) {
                        break;
                    }
                }
                out
            }
            Shape::Opaque(c) => {
                let (given, o) = (&c.tokens, outputs.tokens());
                let lists = lists.iter().map(|list| {
                    let list = list.iter().map(Dim::tokens);
                    quote!(&[#(#list),*])
                });
                let tokens = quote!(#private::transpose_windowed(#given, #o, #(#lists),*));
                let say = Say::new(format!("`{who}` leaves nothing: its input is ")).shape(&site.state.shape);
                self.require(&at, Cond::Const(quote!(#private::positive(#tokens))), say);
                self.opaque(tokens, format!("[{}, ..]", outputs.text()), Level::Generic.min(c.level))
            }
            Shape::Unknown(_) => Shape::Unknown(None),
        }
    }

    /// How long an axis becomes.
    fn grow(&self, dim: &Dim, settings: &[&Dim]) -> Dim {
        let private = self.private();
        if dim.is_dynamic() {
            let fixed: Option<Vec<i64>> = settings.iter().map(|s| s.fixed()).collect();
            if let Some(&[k, s, p, a, d]) = fixed.as_deref() {
                return dim.scaled(s, d * (k - 1) - 2 * p + a + 1 - s);
            }
            let texts: Vec<String> = settings.iter().map(|s| s.text()).collect();
            return Dim::named(&format!("grown({}, {})", dim.text(), texts.join(", ")));
        }
        let mut all = vec![dim];
        all.extend(settings);
        computed(
            &all,
            |n| match n {
                &[n, k, s, p, a, d] => Some(illia_shape::transposed(n, k, s, p, a, d)),
                _ => None,
            },
            |t| quote!(#private::transposed(#(#t),*)),
            |t| format!("transposed({})", t.join(", ")),
        )
    }
}
