//! The module trees of the repository: which file is which module, what a module defines and brings in by `use`.
//!
//! Whatever is compiled for tests alone is left out: an item with `#[cfg(test)]`, and a file that such an item declares,
//! with everything below it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use syn::spanned::Spanned as _;

/// Names from the root of a crate to a module or an item. The first is `crate` for the program, the crate's name for
/// any other.
pub(crate) type Path = Vec<String>;

/// The files to look at: path below the repository, text.
pub(crate) type Files = BTreeMap<String, String>;

/// A root of a module tree: its file, and the module that it is to be taken for.
pub(crate) type Root<'a> = (&'a str, &'a str);

/// A path as it is written, before anybody knows where it leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    /// `::a::b` begins with the name of a crate.
    pub from_crates: bool,
    pub names: Path,
}

/// One module, from a file or inline.
#[derive(Default)]
pub(crate) struct Module {
    /// The root of its tree: what `crate` means in it.
    pub root: Path,
    /// Modules, types, functions and so on that it defines.
    pub items: HashSet<String>,
    /// What it calls by a name of its own: `use` and `type`.
    pub aliases: HashMap<String, Written>,
    /// `use a::*`.
    pub globs: Vec<Written>,
}

/// A file of a tree.
pub(crate) struct Parsed {
    pub file: String,
    pub module: Path,
    pub syntax: syn::File,
}

/// All trees.
#[derive(Default)]
pub(crate) struct Trees {
    pub modules: HashMap<Path, Module>,
    pub parsed: Vec<Parsed>,
    /// Files of tests alone.
    pub tests: BTreeSet<String>,
    /// Lines of a file that are compiled for tests alone.
    pub test_lines: BTreeMap<String, BTreeSet<usize>>,
}

impl Trees {
    /// Follows the declarations of modules from each root.
    pub(crate) fn read(files: &Files, roots: &[Root<'_>]) -> Self {
        let mut trees = Self::default();
        for (file, module) in roots {
            let root: Path = module.split("::").map(str::to_owned).collect();
            trees.file(files, file, &root, &root);
        }
        trees
    }

    fn file(&mut self, files: &Files, file: &str, root: &Path, module: &Path) {
        let text = files.get(file).unwrap_or_else(|| panic!("{file} is declared as {module:?} and is not there"));
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        if is_for_tests(&syntax.attrs) {
            self.tests.insert(file.to_owned());
            return;
        }
        self.items(files, &Here::of_file(file), root, module, &syntax.items);
        self.parsed.push(Parsed { file: file.to_owned(), module: module.clone(), syntax });
    }

    fn items(&mut self, files: &Files, here: &Here, root: &Path, module: &Path, items: &[syn::Item]) {
        let mut found = Module { root: root.clone(), ..Module::default() };
        for item in items {
            let for_tests = is_for_tests(attributes(item));
            if for_tests {
                let lines = item.span().start().line..=item.span().end().line;
                self.test_lines.entry(here.file.clone()).or_default().extend(lines);
            } else {
                found.define(item);
            }
            let syn::Item::Mod(declared) = item else { continue };
            let inside: Path = module.iter().cloned().chain([plain(&declared.ident)]).collect();
            match &declared.content {
                None if for_tests => self.test_file(files, &here.declares(files, declared)),
                None => self.file(files, &here.declares(files, declared), root, &inside),
                Some((_, items)) if !for_tests => self.items(files, &here.inline(declared), root, &inside, items),
                Some(_) => {}
            }
        }
        self.modules.insert(module.clone(), found);
    }

    /// Notes a file of tests and what it declares.
    fn test_file(&mut self, files: &Files, file: &str) {
        let text = files.get(file).unwrap_or_else(|| panic!("{file} is declared and is not there"));
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("{file}: {error}"));
        self.tests.insert(file.to_owned());
        let here = Here::of_file(file);
        for item in &syntax.items {
            if let syn::Item::Mod(declared) = item
                && declared.content.is_none()
            {
                self.test_file(files, &here.declares(files, declared));
            }
        }
    }

    /// Every module that a path which begins at a root passes on its way, with what is left of it; the path as
    /// it stands comes first, where it leads by `use` and re-export after it.
    pub(crate) fn follow(&self, path: &[String]) -> Vec<Path> {
        let mut way = Vec::new();
        self.step(path, &mut way);
        way
    }

    fn step(&self, path: &[String], way: &mut Vec<Path>) {
        if way.iter().any(|before| before == path) || way.len() > 20 {
            return;
        }
        way.push(path.to_vec());
        let is_module = |depth: &usize| self.modules.contains_key(&path[..*depth]);
        let Some(mut depth) = (1..=path.len()).find(is_module) else { return };
        while depth < path.len() {
            let here = &path[..depth];
            let module = &self.modules[here];
            let (name, rest) = (&path[depth], &path[depth + 1..]);
            if let Some(alias) = module.aliases.get(name) {
                let mut further = self.absolute(here, alias);
                further.extend_from_slice(rest);
                self.step(&further, way);
            }
            if !self.modules.contains_key(&path[..=depth]) {
                if !module.items.contains(name) {
                    for glob in module.globs.iter().filter(|glob| module.leads_into_tree(glob)) {
                        let mut further = self.absolute(here, glob);
                        further.extend_from_slice(&path[depth..]);
                        if self.defines(&further[..further.len() - rest.len()], &mut Vec::new()) {
                            self.step(&further, way);
                        }
                    }
                }
                return;
            }
            depth += 1;
        }
    }

    /// Whether there is an item of this path in one of the trees.
    fn defines(&self, path: &[String], seen: &mut Vec<Path>) -> bool {
        if seen.iter().any(|before| before == path) {
            return false;
        }
        seen.push(path.to_vec());
        let Some((name, module)) = path.split_last() else { return false };
        // Where the module is itself a name for another one.
        let way = self.follow_modules(module);
        way.iter().filter_map(|module| self.modules.get(module).map(|found| (module, found))).any(|(here, module)| {
            module.items.contains(name)
                || module.aliases.contains_key(name)
                || module.globs.iter().filter(|glob| module.leads_into_tree(glob)).any(|glob| {
                    let mut further = self.absolute(here, glob);
                    further.push(name.clone());
                    self.defines(&further, seen)
                })
        })
    }

    fn follow_modules(&self, module: &[String]) -> Vec<Path> {
        if self.modules.contains_key(module) { vec![module.to_vec()] } else { self.follow(module) }
    }

    /// A path as the module `here` writes it, from a root; a name that `here` does not have is taken for a crate's.
    pub(crate) fn absolute(&self, here: &[String], written: &Written) -> Path {
        let names = &written.names;
        if written.from_crates {
            return from_crates(names);
        }
        let root = &self.modules[here].root;
        let mut module = here.to_vec();
        let mut rest = names.as_slice();
        match rest.first().map(String::as_str) {
            Some("crate") => {
                module.clone_from(root);
                rest = &rest[1..];
            }
            Some("self" | "super") => {
                while let Some("self" | "super") = rest.first().map(String::as_str) {
                    if rest[0] == "super" && module.len() > 1 {
                        module.pop();
                    }
                    rest = &rest[1..];
                }
            }
            Some(first) if !self.has(here, first) => return from_crates(names),
            _ => {}
        }
        module.extend_from_slice(rest);
        module
    }

    /// Whether a module has this name: defined, brought in, or through a `use` of everything in another module.
    pub(crate) fn has(&self, here: &[String], name: &str) -> bool {
        let module = &self.modules[here];
        // A name that stands for itself (`use chrono;`) is no name of the module's own.
        let alias = module.aliases.get(name).is_some_and(|alias| alias.from_crates || alias.names[0] != name);
        alias
            || module.items.contains(name)
            || module.globs.iter().filter(|glob| module.leads_into_tree(glob)).any(|glob| {
                let mut further = self.absolute(here, glob);
                further.push(name.to_owned());
                self.defines(&further, &mut vec![])
            })
    }
}

/// The library calls itself `crate`; the program calls it by its name.
fn from_crates(names: &[String]) -> Path {
    let mut path = names.to_vec();
    if path.first().is_some_and(|first| first == "mecapy") {
        "crate".clone_into(&mut path[0]);
    }
    path
}

impl Module {
    /// Whether a `use` of everything begins with a name of this module: what is in a library is not known here.
    fn leads_into_tree(&self, glob: &Written) -> bool {
        !glob.from_crates
            && glob.names.first().is_some_and(|first| {
                matches!(first.as_str(), "crate" | "self" | "super")
                    || self.items.contains(first)
                    || self.aliases.contains_key(first)
            })
    }

    fn define(&mut self, item: &syn::Item) {
        let name = match item {
            syn::Item::Const(item) => &item.ident,
            syn::Item::Enum(item) => &item.ident,
            syn::Item::Fn(item) => &item.sig.ident,
            syn::Item::Mod(item) => &item.ident,
            syn::Item::Static(item) => &item.ident,
            syn::Item::Struct(item) => &item.ident,
            syn::Item::Trait(item) => &item.ident,
            syn::Item::Union(item) => &item.ident,
            syn::Item::Type(item) => {
                if let syn::Type::Path(syn::TypePath { qself: None, path }) = &*item.ty {
                    self.aliases.insert(plain(&item.ident), written(path));
                }
                &item.ident
            }
            syn::Item::ExternCrate(item) => {
                let name = item.rename.as_ref().map_or(&item.ident, |(_, name)| name);
                let names = vec![plain(&item.ident)];
                self.aliases.insert(plain(name), Written { from_crates: true, names });
                return;
            }
            syn::Item::Use(item) => {
                for used in uses(item) {
                    match used.name {
                        Some(name) => drop(self.aliases.insert(name, used.written)),
                        None => self.globs.push(used.written),
                    }
                }
                return;
            }
            _ => return,
        };
        self.items.insert(plain(name));
    }
}

/// One leaf of a `use`.
pub(crate) struct Used {
    pub written: Written,
    /// What it is called from here on; `None` for everything in it.
    pub name: Option<String>,
    pub line: usize,
}

/// The leaves of a `use`, however it is nested.
pub(crate) fn uses(item: &syn::ItemUse) -> Vec<Used> {
    fn walk(tree: &syn::UseTree, before: &Written, found: &mut Vec<Used>) {
        let with = |ident: &syn::Ident| {
            let mut written = before.clone();
            let is_self = ident == "self" && !written.names.is_empty();
            if !is_self {
                written.names.push(plain(ident));
            }
            written
        };
        match tree {
            syn::UseTree::Path(path) => walk(&path.tree, &with(&path.ident), found),
            syn::UseTree::Name(name) => {
                let written = with(&name.ident);
                let last = written.names.last().cloned();
                found.push(Used { written, name: last, line: name.ident.span().start().line });
            }
            syn::UseTree::Rename(rename) => {
                let line = rename.ident.span().start().line;
                found.push(Used { written: with(&rename.ident), name: Some(plain(&rename.rename)), line });
            }
            syn::UseTree::Glob(glob) => {
                found.push(Used { written: before.clone(), name: None, line: glob.span().start().line });
            }
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, before, found)),
        }
    }
    let mut found = Vec::new();
    walk(&item.tree, &Written { from_crates: item.leading_colon.is_some(), names: Vec::new() }, &mut found);
    found
}

/// A path without its generic arguments.
pub(crate) fn written(path: &syn::Path) -> Written {
    Written {
        from_crates: path.leading_colon.is_some(),
        names: path.segments.iter().map(|segment| plain(&segment.ident)).collect(),
    }
}

/// A name without `r#`.
pub(crate) fn plain(ident: &proc_macro2::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").map(str::to_owned).unwrap_or(text)
}

/// The attributes of an item.
pub(crate) fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::ExternCrate(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::ForeignMod(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::TraitAlias(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        syn::Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether it is there only when tests are compiled.
pub(crate) fn is_for_tests(attributes: &[syn::Attribute]) -> bool {
    fn needs_test(meta: &syn::Meta) -> bool {
        let inner = || {
            let list = meta.require_list().ok()?;
            let separated = syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated;
            Some(list.parse_args_with(separated).ok()?.into_iter().collect::<Vec<_>>())
        };
        match meta.path().get_ident().map(ToString::to_string).as_deref() {
            Some("test") => true,
            Some("all") => inner().is_some_and(|all| all.iter().any(needs_test)),
            Some("any") => inner().is_some_and(|any| !any.is_empty() && any.iter().all(needs_test)),
            _ => false,
        }
    }
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && attribute.parse_args::<syn::Meta>().is_ok_and(|meta| needs_test(&meta))
    })
}

/// Where a module stands, for finding the files that it declares.
struct Here {
    file: String,
    /// The folder of its file.
    folder: String,
    /// The folder of the files that it declares, without `#[path]`.
    below: String,
    is_inline: bool,
}

impl Here {
    fn of_file(file: &str) -> Self {
        let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
        let is_folder = matches!(name, "mod.rs" | "lib.rs" | "main.rs");
        let below = if is_folder { folder.to_owned() } else { file.trim_end_matches(".rs").to_owned() };
        Self { file: file.to_owned(), folder: folder.to_owned(), below, is_inline: false }
    }

    fn inline(&self, declared: &syn::ItemMod) -> Self {
        let below = format!("{}/{}", self.below, plain(&declared.ident));
        Self { file: self.file.clone(), folder: self.folder.clone(), below, is_inline: true }
    }

    /// The file of `mod name;`.
    fn declares(&self, files: &Files, declared: &syn::ItemMod) -> String {
        let path = declared.attrs.iter().find_map(|attribute| match &attribute.meta {
            syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
        if let Some(path) = path {
            let folder = if self.is_inline { &self.below } else { &self.folder };
            let mut parts: Vec<&str> = folder.split('/').collect();
            for part in path.split('/') {
                match part {
                    ".." => drop(parts.pop()),
                    "." => {}
                    part => parts.push(part),
                }
            }
            return parts.join("/");
        }
        let name = plain(&declared.ident);
        let file = format!("{}/{name}.rs", self.below);
        if files.contains_key(&file) { file } else { format!("{}/{name}/mod.rs", self.below) }
    }
}
