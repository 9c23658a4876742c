//! Everything that depends on `calculations`, read from the server's catalogue: what must be removed before the table is
//! replaced, and the statements that restore it on the one in its place.

use super::id_table::{FUNCTIONS, IDS, TRIGGER_PREFIX};
use crate::admin::sql::{self, column, rows};
use sea_orm::{ConnectionTrait, DbErr};

/// What depends on the table.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    /// What cannot be restored, in words.
    pub(super) problems: Vec<String>,
    /// Removes what depends on the table.
    pub(super) remove: Vec<String>,
    /// Indexes, without that of the primary key.
    pub(super) indexes: Vec<String>,
    /// The table's own foreign keys, and those of other tables to it.
    pub(super) foreign_keys: Vec<String>,
    /// Restores triggers, policies, grants, comments and views.
    pub(super) restore: Vec<String>,
    /// Storage parameters, which partitions have and their parent has not.
    pub(super) options: Option<String>,
    /// The columns that are written, quoted, separated by commas.
    pub(super) columns: String,
    /// The sequence that gives out ids, with its schema, quoted; and its bare name.
    pub(super) sequence: Option<(String, String)>,
    /// The name of the primary key.
    pub(super) primary_key: String,
}

/// The table as SQL finds it.
pub(super) const TABLE: &str = "to_regclass(quote_ident(current_schema()) || '.calculations')";

/// Reads it. `is_partitioned` says what the table is now; its foreign keys come as those of the other shape.
pub(super) async fn read(connection: &impl ConnectionTrait, is_partitioned: bool) -> Result<Dependents, DbErr> {
    let mut found = Dependents::default();
    shape(connection, is_partitioned, &mut found).await?;
    keys(connection, is_partitioned, &mut found).await?;
    indexes(connection, &mut found).await?;
    triggers(connection, &mut found).await?;
    security(connection, &mut found).await?;
    privileges_and_comments(connection, &mut found).await?;
    views(connection, &mut found).await?;
    unknown_dependents(connection, &mut found).await?;
    Ok(found)
}

/// The first column of a query about the table, which `T` stands for.
async fn texts(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let sql = sql.replace("{T}", TABLE);
    column(connection, &sql).await
}

async fn shape(connection: &impl ConnectionTrait, is_partitioned: bool, found: &mut Dependents) -> Result<(), DbErr> {
    let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute \
                   WHERE attrelid = {T} AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";
    found.columns = texts(connection, columns).await?.join("");
    let options = if is_partitioned {
        "SELECT array_to_string(c.reloptions, ', ') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i \
         ON i.inhrelid = c.oid WHERE i.inhparent = {T} AND c.reloptions IS NOT NULL ORDER BY c.relname DESC LIMIT 1"
    } else {
        "SELECT array_to_string(reloptions, ', ') FROM pg_catalog.pg_class WHERE oid = {T} AND reloptions IS NOT NULL"
    };
    found.options = texts(connection, options).await?.pop();
    let sequence = "SELECT s.oid::regclass::text, s.relname::text FROM pg_catalog.pg_class s \
                    JOIN pg_catalog.pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass \
                    AND d.refobjid = {T} AND d.deptype = 'i' WHERE s.relkind = 'S'";
    let sequences = rows(connection, &sequence.replace("{T}", TABLE)).await?;
    match sequences.first() {
        Some(row) => found.sequence = Some((row.try_get_by_index(0)?, row.try_get_by_index(1)?)),
        None => found.problems.push("calculations.id is not an identity column; mecapy db check tells more".to_owned()),
    }
    let key = "SELECT conname::text FROM pg_catalog.pg_constraint WHERE conrelid = {T} AND contype = 'p'";
    match texts(connection, key).await?.pop() {
        Some(name) => found.primary_key = sql::name(&name),
        None => found.problems.push("calculations has no primary key; mecapy db check tells more".to_owned()),
    }
    Ok(())
}

/// Foreign keys: those of the table, and those that lead to it or, where it is partitioned, to the table of ids.
async fn keys(connection: &impl ConnectionTrait, is_partitioned: bool, found: &mut Dependents) -> Result<(), DbErr> {
    let target = if is_partitioned { format!("'{IDS}'::regclass") } else { TABLE.to_owned() };
    let sql = format!(include_str!("foreign_keys.sql"), table = TABLE, target = target);
    let (from, to) = if is_partitioned { (IDS, "calculations") } else { ("calculations", IDS) };
    for row in rows(connection, &sql).await? {
        let (table, name, mut definition): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let (own, leads_here): (bool, bool) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        if leads_here {
            let from = format!("REFERENCES {from}(id)");
            if !definition.contains(&from) {
                found.problems.push(format!("the foreign key {name} of {table} leads to other columns than id"));
                continue;
            }
            definition = definition.replace(&from, &format!("REFERENCES {to}(id)"));
        }
        if !own {
            found.remove.push(format!("ALTER TABLE {table} DROP CONSTRAINT {name}"));
        }
        found.foreign_keys.push(format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"));
    }
    Ok(())
}

async fn indexes(connection: &impl ConnectionTrait, found: &mut Dependents) -> Result<(), DbErr> {
    let sql = format!(include_str!("indexes.sql"), table = TABLE);
    for row in rows(connection, &sql).await? {
        let (definition, valid, unique): (String, bool, bool) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let (name, primary): (String, bool) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        if primary {
            continue;
        }
        if !valid {
            found.problems.push(format!("the index {name} is not finished: drop it, or mecapy db upgrade makes it"));
        } else if unique {
            let problem = "is unique, which partitions can enforce only together with created_at: drop it";
            found.problems.push(format!("{name} {problem}"));
        }
        found.indexes.push(definition.replacen(" ON ONLY ", " ON ", 1));
        found.restore.extend(row.try_get_by_index::<Option<String>>(5)?);
    }
    let excluded = "SELECT format('the constraint %I excludes rows by others; drop it', conname) \
                    FROM pg_catalog.pg_constraint WHERE conrelid = {T} AND contype = 'x'";
    found.problems.extend(texts(connection, excluded).await?);
    Ok(())
}

async fn triggers(connection: &impl ConnectionTrait, found: &mut Dependents) -> Result<(), DbErr> {
    let mine = format!("NOT t.tgisinternal AND t.tgname NOT LIKE '{}\\_%'", TRIGGER_PREFIX.replace('_', "\\_"));
    for what in [
        "pg_catalog.pg_get_triggerdef(t.oid)",
        "format('ALTER TABLE calculations %s TRIGGER %I', CASE t.tgenabled WHEN 'D' THEN 'DISABLE' \
         WHEN 'R' THEN 'ENABLE REPLICA' WHEN 'A' THEN 'ENABLE ALWAYS' END, t.tgname)",
        "format('COMMENT ON TRIGGER %I ON calculations IS %L', t.tgname, pg_catalog.obj_description(t.oid, 'pg_trigger'))",
    ] {
        let condition = if what.starts_with("pg_catalog") {
            "true"
        } else if what.contains("tgenabled") {
            "t.tgenabled <> 'O'"
        } else {
            "pg_catalog.obj_description(t.oid, 'pg_trigger') IS NOT NULL"
        };
        let sql = format!(
            "SELECT {what} FROM pg_catalog.pg_trigger t WHERE t.tgrelid = {TABLE} AND {mine} AND {condition} ORDER BY t.tgname"
        );
        found.restore.extend(texts(connection, &sql).await?);
    }
    Ok(())
}

/// Row security: whether it is on, its rules, and those of other tables that read this one.
async fn security(connection: &impl ConnectionTrait, found: &mut Dependents) -> Result<(), DbErr> {
    let policies = |condition: &str| format!(include_str!("policies.sql"), condition = condition);
    let own = format!("p.polrelid = {TABLE}");
    let reading = format!(
        "p.polrelid <> {TABLE} AND EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_policy'::regclass \
         AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = {TABLE})"
    );
    for (condition, is_own) in [(own, true), (reading, false)] {
        for row in rows(connection, &policies(&condition)).await? {
            if !is_own {
                found.remove.push(row.try_get_by_index(1)?);
            }
            found.restore.push(row.try_get_by_index(0)?);
            if row.try_get_by_index(3)? {
                found.restore.push(row.try_get_by_index(2)?);
            }
        }
    }
    let on = "SELECT 'ALTER TABLE calculations ENABLE ROW LEVEL SECURITY' FROM pg_catalog.pg_class \
              WHERE oid = {T} AND relrowsecurity";
    found.restore.extend(texts(connection, on).await?);
    Ok(())
}

/// Grants on a relation and on its columns.
async fn grants(connection: &impl ConnectionTrait, of: &str, kind: &str) -> Result<Vec<String>, DbErr> {
    let to = "CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END, \
              CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END";
    let mut all = texts(
        connection,
        &format!(
            "SELECT format('GRANT %s ON {kind}%s TO %s%s', a.privilege_type, c.oid::regclass, {to}) \
             FROM pg_catalog.pg_class c, LATERAL aclexplode(c.relacl) a \
             WHERE c.oid = {of} AND a.grantee <> c.relowner ORDER BY 1"
        ),
    )
    .await?;
    all.extend(
        texts(
            connection,
            &format!(
                "SELECT format('GRANT %s (%I) ON %s TO %s%s', a.privilege_type, t.attname, c.oid::regclass, {to}) \
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute t ON t.attrelid = c.oid, \
                 LATERAL aclexplode(t.attacl) a WHERE c.oid = {of} AND a.grantee <> c.relowner ORDER BY 1"
            ),
        )
        .await?,
    );
    Ok(all)
}

/// Grants, and the comment on the table; those on its columns come with them.
async fn privileges_and_comments(connection: &impl ConnectionTrait, found: &mut Dependents) -> Result<(), DbErr> {
    // What everybody gets by default may be more than what was granted.
    found.restore.push(revoke_all("'calculations'::regclass"));
    found.restore.extend(grants(connection, "{T}", "").await?);
    if let Some((sequence, _)) = &found.sequence {
        let of = format!("{}::regclass", sql::text(sequence));
        found.restore.push(revoke_all(&of));
        found.restore.extend(grants(connection, &of, "SEQUENCE ").await?);
    }
    let comment = "SELECT 'COMMENT ON TABLE calculations IS ' || quote_literal(d) \
                   FROM pg_catalog.obj_description({T}, 'pg_class') d WHERE d IS NOT NULL";
    found.restore.extend(texts(connection, comment).await?);
    let replica = "SELECT CASE relreplident WHEN 'f' THEN 'ALTER TABLE calculations REPLICA IDENTITY FULL' \
                   ELSE 'ALTER TABLE calculations REPLICA IDENTITY NOTHING' END \
                   FROM pg_catalog.pg_class WHERE oid = {T} AND relreplident IN ('f', 'n')";
    found.restore.extend(texts(connection, replica).await?);
    Ok(())
}

/// Takes away what others may do with a relation.
fn revoke_all(of: &str) -> String {
    format!(include_str!("revoke_all.sql"), relation = of).trim_end().to_owned()
}

/// Views on the table and views on those, in the order in which they can be made.
async fn views(connection: &impl ConnectionTrait, found: &mut Dependents) -> Result<(), DbErr> {
    let reads = "d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass";
    let sql = format!(include_str!("views.sql"), reads = reads, table = TABLE);
    let mut drops = Vec::new();
    for row in rows(connection, &sql).await? {
        let (name, kind, query): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        if kind != "v" {
            let what = if kind == "m" { "materialized view" } else { "rule of" };
            found.problems.push(format!("the {what} {name} reads calculations; drop it, and make it again afterwards"));
            continue;
        }
        let (options, oid): (String, i64) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        drops.push(format!("DROP VIEW {name}"));
        found.restore.push(format!("CREATE VIEW {name}{options} AS {}", query.trim_end().trim_end_matches(';')));
        let of = format!("'{name}'::regclass");
        found.restore.push(revoke_all(&of));
        found.restore.extend(grants(connection, &oid.to_string(), "").await?);
        let more = format!(
            include_str!("view_triggers_and_comments.sql"),
            oid = oid,
            name = name,
            view = sql::text(&format!("VIEW {name}"))
        );
        found.restore.extend(texts(connection, &more).await?);
        if let Some(owner) = row.try_get_by_index::<Option<String>>(5)? {
            found.restore.push(format!("ALTER VIEW {name} OWNER TO {owner}"));
        }
    }
    drops.reverse();
    found.remove.extend(drops);
    Ok(())
}

/// What depends on the table, and nobody here knows how to restore it.
async fn unknown_dependents(connection: &impl ConnectionTrait, found: &mut Dependents) -> Result<(), DbErr> {
    let own = FUNCTIONS.map(|function| sql::text(function.trim_end_matches("()"))).join(", ");
    let sql = format!(include_str!("unknown_dependents.sql"), own = own, table = TABLE);
    found.problems.extend(texts(connection, &sql).await?);
    Ok(())
}
