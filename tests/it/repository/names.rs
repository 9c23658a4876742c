//! Every name that the code uses, resolved: in `use`, expressions, types, patterns, attributes and macros.

use super::modules::{Path, Trees, Written, attributes, is_for_tests, plain, uses, written};
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::{BTreeSet, HashMap};
use syn::visit::{self, Visit};

/// Something that a line of code names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub file: String,
    pub line: usize,
    /// The module in which it stands.
    pub module: Path,
    pub kind: Kind,
    /// From the root of a crate; a word is alone.
    pub path: Path,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A path.
    Path,
    /// Everything in a library's module.
    Everything,
    /// `async`, `await`, `unsafe`, and methods with a dot before their name.
    Word,
}

/// All names below the roots, in order, without those that are compiled for tests alone.
pub(crate) fn names(trees: &Trees, crates: &[String]) -> Vec<Name> {
    let mut found = BTreeSet::new();
    for parsed in &trees.parsed {
        let mut reader = Reader {
            trees,
            crates,
            file: &parsed.file,
            module: parsed.module.clone(),
            scopes: Vec::new(),
            found: &mut found,
        };
        reader.visit_file(&parsed.syntax);
    }
    found.into_iter().collect()
}

struct Reader<'a> {
    trees: &'a Trees,
    crates: &'a [String],
    file: &'a str,
    module: Path,
    /// What the blocks around bring in by `use`, the innermost last.
    scopes: Vec<HashMap<String, Written>>,
    found: &'a mut BTreeSet<Name>,
}

impl Reader<'_> {
    fn add(&mut self, line: usize, kind: Kind, path: Path) {
        let (file, module) = (self.file.to_owned(), self.module.clone());
        self.found.insert(Name { file, line, module, kind, path });
    }

    /// Adds a path and whatever it leads to. Names of the language's prelude are no crates.
    fn follow(&mut self, line: usize, is_glob: bool, path: &[String]) {
        for path in self.trees.follow(path) {
            if path[0] == "crate" || path[0] == self.module[0] {
                self.add(line, Kind::Path, path);
            } else if self.crates.contains(&path[0]) {
                self.add(line, if is_glob { Kind::Everything } else { Kind::Path }, path);
            }
        }
    }

    /// Resolves a path that stands in code. A single name is only looked up: it may be a variable.
    fn name(&mut self, line: usize, written: &Written) {
        let Some(first) = written.names.first() else { return };
        if first == "Self" {
            return;
        }
        let local = self.in_scope(written);
        let is_keyword = matches!(first.as_str(), "crate" | "self" | "super");
        let is_known = local != *written
            || written.from_crates
            || self.trees.modules[&self.module].aliases.contains_key(first)
            || self.trees.has(&self.module, first);
        let is_path = written.names.len() > 1 && (is_keyword || self.crates.contains(first));
        if !is_known && !is_path {
            return;
        }
        let path = self.trees.absolute(&self.module, &local);
        self.follow(line, false, &path);
    }

    /// With the names that the blocks around have brought in by `use`.
    fn in_scope(&self, written: &Written) -> Written {
        let mut whole = written.clone();
        // A `use` may name what another one has brought in, and may stand for its own name.
        for _ in 0..4 {
            let first = whole.names.first().filter(|_| !whole.from_crates);
            let Some(local) = first.and_then(|first| self.scopes.iter().rev().find_map(|scope| scope.get(first)))
            else {
                break;
            };
            let rest = whole.names.split_off(1);
            whole = local.clone();
            whole.names.extend(rest);
        }
        whole
    }

    /// The paths in tokens that nobody has parsed.
    fn tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is =
            |at: usize, mark: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == mark);
        let colons = |at: usize| is(at, ':') && is(at + 1, ':');
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(ident) => {
                    let line = ident.span().start().line;
                    let name = plain(ident);
                    let is_member = at > 0 && is(at - 1, '.') && !(at > 1 && is(at - 2, '.'));
                    if let "async" | "await" | "unsafe" = name.as_str() {
                        self.add(line, Kind::Word, vec![name.clone()]);
                    }
                    if is(at + 1, '!') {
                        self.printing(ident);
                    }
                    if is_member {
                        self.method(line, &name);
                        at += 1;
                        continue;
                    }
                    let from_crates = at > 1 && colons(at - 2);
                    if from_crates && at > 2 && (is(at - 3, '>') || matches!(tokens[at - 3], TokenTree::Ident(_))) {
                        // `Vec::<u8>::new`: the path before it is read already.
                        at += 1;
                        continue;
                    }
                    let is_angled = at > 0 && is(at - 1, '<');
                    let mut path = Written { from_crates, names: vec![name] };
                    at += 1;
                    while colons(at)
                        && let Some(TokenTree::Ident(next)) = tokens.get(at + 2)
                    {
                        path.names.push(plain(next));
                        at += 3;
                    }
                    match tokens.get(at + 2) {
                        Some(TokenTree::Group(group)) if colons(at) && group.delimiter() == Delimiter::Brace => {
                            self.nested(&path, group.stream());
                            at += 3;
                        }
                        // `<Utc>::now`
                        _ if is_angled && is(at, '>') && colons(at + 1) => {
                            if let Some(TokenTree::Ident(last)) = tokens.get(at + 3) {
                                path.names.push(plain(last));
                            }
                            self.name(line, &path);
                        }
                        _ => self.name(line, &path),
                    }
                }
                TokenTree::Group(group) => {
                    self.tokens(group.stream());
                    at += 1;
                }
                _ => at += 1,
            }
        }
    }

    /// The leaves of a `use` inside of tokens.
    fn nested(&mut self, before: &Written, tokens: TokenStream) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is_comma = |token: &TokenTree| matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',');
        for leaf in tokens.split(is_comma) {
            let mut path = before.clone();
            for token in leaf {
                match token {
                    TokenTree::Ident(ident) if ident == "as" => break,
                    TokenTree::Ident(ident) if ident == "self" => self.name(ident.span().start().line, &path),
                    TokenTree::Ident(ident) => {
                        path.names.push(plain(ident));
                        self.name(ident.span().start().line, &path);
                    }
                    TokenTree::Group(group) => self.nested(&path, group.stream()),
                    TokenTree::Punct(punct) if punct.as_char() == '*' => self.name(punct.span().start().line, &path),
                    _ => {}
                }
            }
        }
    }

    fn method(&mut self, line: usize, name: &str) {
        self.add(line, Kind::Word, vec![format!(".{name}")]);
    }

    /// The macros that write to the terminal have no path.
    fn printing(&mut self, name: &proc_macro2::Ident) {
        if ["print", "println", "eprint", "eprintln", "dbg"].contains(&plain(name).as_str()) {
            self.add(name.span().start().line, Kind::Path, vec!["std".to_owned(), "print".to_owned()]);
        }
    }

    fn keyword(&mut self, word: &str, span: proc_macro2::Span) {
        self.add(span.start().line, Kind::Word, vec![word.to_owned()]);
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast syn::ImplItem) {
        let attributes = match item {
            syn::ImplItem::Const(item) => item.attrs.as_slice(),
            syn::ImplItem::Fn(item) => &item.attrs,
            syn::ImplItem::Type(item) => &item.attrs,
            syn::ImplItem::Macro(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.content.is_none() {
            return;
        }
        let scopes = std::mem::take(&mut self.scopes);
        self.module.push(plain(&item.ident));
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.scopes = scopes;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        for used in uses(item) {
            // In a `use`, a name alone is a crate's.
            let path = self.trees.absolute(&self.module, &self.in_scope(&used.written));
            self.follow(used.line, used.name.is_none(), &path);
        }
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let line = item.ident.span().start().line;
        self.name(line, &Written { from_crates: true, names: vec![plain(&item.ident)] });
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let mut scope = HashMap::new();
        for statement in &block.stmts {
            if let syn::Stmt::Item(syn::Item::Use(item)) = statement {
                scope.extend(uses(item).into_iter().filter_map(|used| Some((used.name?, used.written))));
            }
        }
        self.scopes.push(scope);
        visit::visit_block(self, block);
        self.scopes.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if let Some(first) = path.segments.first() {
            self.name(first.ident.span().start().line, &written(path));
        }
        visit::visit_path(self, path);
    }

    fn visit_expr_path(&mut self, expr: &'ast syn::ExprPath) {
        // `<Utc>::now`, `<Utc as Clock>::now`
        if let Some(of) = &expr.qself
            && let syn::Type::Path(of) = &*of.ty
            && let Some(last) = expr.path.segments.last()
        {
            let mut whole = written(&of.path);
            whole.names.push(plain(&last.ident));
            self.name(last.ident.span().start().line, &whole);
        }
        visit::visit_expr_path(self, expr);
    }

    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        if attribute.path().is_ident("unsafe") {
            self.keyword("unsafe", attribute.pound_token.span);
        }
        if attribute.path().segments.len() > 1 {
            self.visit_path(attribute.path());
        }
        match &attribute.meta {
            syn::Meta::List(list) => {
                self.texts(list.tokens.clone());
                self.tokens(list.tokens.clone());
            }
            syn::Meta::NameValue(pair) => self.visit_expr(&pair.value),
            syn::Meta::Path(_) => {}
        }
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        if let Some(name) = called.path.get_ident() {
            self.printing(name);
        }
        self.visit_path(&called.path);
        self.tokens(called.tokens.clone());
    }

    fn visit_expr_method_call(&mut self, call: &'ast syn::ExprMethodCall) {
        self.method(call.method.span().start().line, &plain(&call.method));
        visit::visit_expr_method_call(self, call);
    }

    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if let Some(word) = &signature.asyncness {
            self.keyword("async", word.span);
        }
        if let Some(word) = &signature.unsafety {
            self.keyword("unsafe", word.span);
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, expr: &'ast syn::ExprAsync) {
        self.keyword("async", expr.async_token.span);
        visit::visit_expr_async(self, expr);
    }

    fn visit_expr_closure(&mut self, expr: &'ast syn::ExprClosure) {
        if let Some(word) = &expr.asyncness {
            self.keyword("async", word.span);
        }
        visit::visit_expr_closure(self, expr);
    }

    fn visit_expr_await(&mut self, expr: &'ast syn::ExprAwait) {
        self.keyword("await", expr.await_token.span);
        visit::visit_expr_await(self, expr);
    }

    fn visit_expr_unsafe(&mut self, expr: &'ast syn::ExprUnsafe) {
        self.keyword("unsafe", expr.unsafe_token.span);
        visit::visit_expr_unsafe(self, expr);
    }

    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if let Some(word) = &item.unsafety {
            self.keyword("unsafe", word.span);
        }
        visit::visit_item_impl(self, item);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        if let Some(word) = &item.unsafety {
            self.keyword("unsafe", word.span);
        }
        visit::visit_item_trait(self, item);
    }

    fn visit_item_foreign_mod(&mut self, item: &'ast syn::ItemForeignMod) {
        self.keyword("unsafe", item.abi.extern_token.span);
        visit::visit_item_foreign_mod(self, item);
    }
}

impl Reader<'_> {
    /// Texts in attributes that are paths, as in `#[serde(with = "a::b")]`.
    fn texts(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => self.texts(group.stream()),
                TokenTree::Literal(literal) => {
                    let text = literal.to_string();
                    if let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"'))
                        && text.contains("::")
                    {
                        self.name(literal.span().start().line, &written(&path));
                    }
                }
                _ => {}
            }
        }
    }
}
