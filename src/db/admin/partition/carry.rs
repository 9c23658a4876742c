//! Everything that stands on `calculations`, read from the server's catalogue: what must be taken off before the table
//! is replaced, and the statements that put it on the one in its place.

use super::register::{FUNCTIONS, IDS, KEEPS};
use crate::db::admin::{catalogue::rows, sql};
use sea_orm::{ConnectionTrait, DbErr};

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Carried {
    /// What cannot be carried over, in words.
    pub(super) problems: Vec<String>,
    /// Takes off what hangs on the table.
    pub(super) off: Vec<String>,
    /// Indexes, without that of the primary key.
    pub(super) indexes: Vec<String>,
    /// The table's own foreign keys, and those of other tables to it.
    pub(super) keys: Vec<String>,
    /// Triggers, policies, grants, comments, views: by their names.
    pub(super) on: Vec<String>,
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

/// Reads. `parted` says what the table is now; its keys are told for the other shape.
pub(super) async fn read(connection: &impl ConnectionTrait, parted: bool) -> Result<Carried, DbErr> {
    let mut carried = Carried::default();
    shape(connection, parted, &mut carried).await?;
    keys(connection, parted, &mut carried).await?;
    indexes(connection, &mut carried).await?;
    triggers(connection, &mut carried).await?;
    security(connection, &mut carried).await?;
    words(connection, &mut carried).await?;
    views(connection, &mut carried).await?;
    others(connection, &mut carried).await?;
    Ok(carried)
}

/// The first column of a query about the table, which `T` stands for.
async fn texts(connection: &impl ConnectionTrait, sql: &str) -> Result<Vec<String>, DbErr> {
    let sql = sql.replace("{T}", TABLE);
    rows(connection, &sql).await?.iter().map(|row| row.try_get_by_index(0)).collect()
}

async fn shape(connection: &impl ConnectionTrait, parted: bool, carried: &mut Carried) -> Result<(), DbErr> {
    let columns = "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute \
                   WHERE attrelid = {T} AND attnum > 0 AND NOT attisdropped AND attgenerated = ''";
    carried.columns = texts(connection, columns).await?.join("");
    let options = if parted {
        "SELECT array_to_string(c.reloptions, ', ') FROM pg_catalog.pg_class c JOIN pg_catalog.pg_inherits i \
         ON i.inhrelid = c.oid WHERE i.inhparent = {T} AND c.reloptions IS NOT NULL ORDER BY c.relname DESC LIMIT 1"
    } else {
        "SELECT array_to_string(reloptions, ', ') FROM pg_catalog.pg_class WHERE oid = {T} AND reloptions IS NOT NULL"
    };
    carried.options = texts(connection, options).await?.pop();
    let sequence = "SELECT s.oid::regclass::text, s.relname::text FROM pg_catalog.pg_class s \
                    JOIN pg_catalog.pg_depend d ON d.objid = s.oid AND d.classid = 'pg_class'::regclass \
                    AND d.refobjid = {T} AND d.deptype = 'i' WHERE s.relkind = 'S'";
    let found = rows(connection, &sequence.replace("{T}", TABLE)).await?;
    match found.first() {
        Some(row) => carried.sequence = Some((row.try_get_by_index(0)?, row.try_get_by_index(1)?)),
        None => carried.problems.push("calculations.id is no identity column; mecapy db check tells more".to_owned()),
    }
    let key = "SELECT conname::text FROM pg_catalog.pg_constraint WHERE conrelid = {T} AND contype = 'p'";
    match texts(connection, key).await?.pop() {
        Some(name) => carried.primary_key = sql::name(&name),
        None => carried.problems.push("calculations has no primary key; mecapy db check tells more".to_owned()),
    }
    Ok(())
}

/// Foreign keys: those of the table, and those that lead to it or, where it is partitioned, to the table of ids.
async fn keys(connection: &impl ConnectionTrait, parted: bool, carried: &mut Carried) -> Result<(), DbErr> {
    let target = if parted { format!("'{IDS}'::regclass") } else { TABLE.to_owned() };
    let sql = format!(
        "SELECT k.conrelid::regclass::text, quote_ident(k.conname), pg_catalog.pg_get_constraintdef(k.oid), \
         k.conrelid = {TABLE}, k.confrelid = {target} FROM pg_catalog.pg_constraint k \
         WHERE k.contype = 'f' AND k.conparentid = 0 AND (k.conrelid = {TABLE} OR k.confrelid = {target}) ORDER BY 1, 2"
    );
    let (from, to) = if parted { (IDS, "calculations") } else { ("calculations", IDS) };
    for row in rows(connection, &sql).await? {
        let (table, name, mut definition): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let (own, leads_here): (bool, bool) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        if leads_here {
            let from = format!("REFERENCES {from}(id)");
            if !definition.contains(&from) {
                carried.problems.push(format!("the foreign key {name} of {table} leads to other columns than id"));
                continue;
            }
            definition = definition.replace(&from, &format!("REFERENCES {to}(id)"));
        }
        if !own {
            carried.off.push(format!("ALTER TABLE {table} DROP CONSTRAINT {name}"));
        }
        carried.keys.push(format!("ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"));
    }
    Ok(())
}

async fn indexes(connection: &impl ConnectionTrait, carried: &mut Carried) -> Result<(), DbErr> {
    let sql = "SELECT pg_catalog.pg_get_indexdef(x.indexrelid), x.indisvalid, \
               x.indisunique AND NOT x.indisprimary, x.indexrelid::regclass::text, x.indisprimary, \
               'COMMENT ON INDEX ' || x.indexrelid::regclass || ' IS ' \
               || quote_literal(pg_catalog.obj_description(x.indexrelid, 'pg_class')) \
               FROM pg_catalog.pg_index x WHERE x.indrelid = {T} ORDER BY 4";
    for row in rows(connection, &sql.replace("{T}", TABLE)).await? {
        let (definition, valid, unique): (String, bool, bool) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        let (name, primary): (String, bool) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        if primary {
            continue;
        }
        if !valid {
            carried.problems.push(format!("the index {name} is not finished: drop it, or mecapy db upgrade makes it"));
        } else if unique {
            let problem = "is unique; partitions know no uniqueness without created_at: drop it";
            carried.problems.push(format!("{name} {problem}"));
        }
        carried.indexes.push(definition.replacen(" ON ONLY ", " ON ", 1));
        carried.on.extend(row.try_get_by_index::<Option<String>>(5)?);
    }
    let excluded = "SELECT format('the constraint %I excludes rows by others; drop it', conname) \
                    FROM pg_catalog.pg_constraint WHERE conrelid = {T} AND contype = 'x'";
    carried.problems.extend(texts(connection, excluded).await?);
    Ok(())
}

async fn triggers(connection: &impl ConnectionTrait, carried: &mut Carried) -> Result<(), DbErr> {
    let mine = format!("NOT t.tgisinternal AND t.tgname NOT LIKE '{}\\_%'", KEEPS.replace('_', "\\_"));
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
        carried.on.extend(texts(connection, &sql).await?);
    }
    Ok(())
}

/// Row security: whether it is on, its rules, and those of other tables that read this one.
async fn security(connection: &impl ConnectionTrait, carried: &mut Carried) -> Result<(), DbErr> {
    let policies = |condition: &str| {
        format!(
            "SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s', p.polname, p.polrelid::regclass, \
             CASE WHEN p.polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END, \
             CASE p.polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' \
             ELSE 'ALL' END, \
             (SELECT string_agg(CASE r WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(r)) END, ', ') \
              FROM unnest(p.polroles) r)) \
             || coalesce(' USING (' || pg_catalog.pg_get_expr(p.polqual, p.polrelid) || ')', '') \
             || coalesce(' WITH CHECK (' || pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid) || ')', ''), \
             format('DROP POLICY %I ON %s', p.polname, p.polrelid::regclass), \
             format('COMMENT ON POLICY %I ON %s IS %L', p.polname, p.polrelid::regclass, \
              pg_catalog.obj_description(p.oid, 'pg_policy')), \
             pg_catalog.obj_description(p.oid, 'pg_policy') IS NOT NULL \
             FROM pg_catalog.pg_policy p WHERE {condition} ORDER BY p.polrelid::regclass::text, p.polname"
        )
    };
    let own = format!("p.polrelid = {TABLE}");
    let reading = format!(
        "p.polrelid <> {TABLE} AND EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_policy'::regclass \
         AND d.objid = p.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = {TABLE})"
    );
    for (condition, is_own) in [(own, true), (reading, false)] {
        for row in rows(connection, &policies(&condition)).await? {
            if !is_own {
                carried.off.push(row.try_get_by_index(1)?);
            }
            carried.on.push(row.try_get_by_index(0)?);
            if row.try_get_by_index(3)? {
                carried.on.push(row.try_get_by_index(2)?);
            }
        }
    }
    let on = "SELECT 'ALTER TABLE calculations ENABLE ROW LEVEL SECURITY' FROM pg_catalog.pg_class \
              WHERE oid = {T} AND relrowsecurity";
    carried.on.extend(texts(connection, on).await?);
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
async fn words(connection: &impl ConnectionTrait, carried: &mut Carried) -> Result<(), DbErr> {
    // What everybody gets by default may be more than what was granted.
    carried.on.push(forget("'calculations'::regclass"));
    carried.on.extend(grants(connection, "{T}", "").await?);
    if let Some((sequence, _)) = &carried.sequence {
        let of = format!("{}::regclass", sql::text(sequence));
        carried.on.push(forget(&of));
        carried.on.extend(grants(connection, &of, "SEQUENCE ").await?);
    }
    let comment = "SELECT 'COMMENT ON TABLE calculations IS ' || quote_literal(d) \
                   FROM pg_catalog.obj_description({T}, 'pg_class') d WHERE d IS NOT NULL";
    carried.on.extend(texts(connection, comment).await?);
    let replica = "SELECT CASE relreplident WHEN 'f' THEN 'ALTER TABLE calculations REPLICA IDENTITY FULL' \
                   ELSE 'ALTER TABLE calculations REPLICA IDENTITY NOTHING' END \
                   FROM pg_catalog.pg_class WHERE oid = {T} AND relreplident IN ('f', 'n')";
    carried.on.extend(texts(connection, replica).await?);
    Ok(())
}

/// Takes away what others may do with a relation.
fn forget(of: &str) -> String {
    format!(
        "DO $$ DECLARE g record; BEGIN
  FOR g IN
    SELECT DISTINCT c.oid::regclass AS rel,
      CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_catalog.pg_get_userbyid(a.grantee)) END AS who,
      CASE c.relkind WHEN 'S' THEN 'SEQUENCE ' ELSE '' END AS kind
    FROM pg_catalog.pg_class c, LATERAL aclexplode(c.relacl) a WHERE c.oid = {of} AND a.grantee <> c.relowner
  LOOP
    EXECUTE format('REVOKE ALL ON %s%s FROM %s', g.kind, g.rel, g.who);
  END LOOP;
END $$"
    )
}

/// Views on the table and views on those, in the order in which they can be made.
async fn views(connection: &impl ConnectionTrait, carried: &mut Carried) -> Result<(), DbErr> {
    let reads = "d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass";
    let sql = format!(
        "WITH RECURSIVE v (oid, depth) AS ( \
         SELECT r.ev_class, 1 FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid \
         WHERE {reads} AND d.refobjid = {TABLE} AND r.ev_class <> {TABLE} \
         UNION SELECT r.ev_class, v.depth + 1 FROM v JOIN pg_catalog.pg_depend d ON d.refobjid = v.oid \
         JOIN pg_catalog.pg_rewrite r ON r.oid = d.objid WHERE {reads} AND r.ev_class <> v.oid) \
         SELECT format('%I.%I', n.nspname, c.relname), c.relkind::text, pg_catalog.pg_get_viewdef(c.oid), \
         coalesce(' WITH (' || array_to_string(c.reloptions, ', ') || ')', ''), c.oid::bigint, \
         CASE WHEN c.relowner <> (SELECT relowner FROM pg_catalog.pg_class WHERE oid = {TABLE}) \
         THEN quote_ident(pg_catalog.pg_get_userbyid(c.relowner)) END \
         FROM v JOIN pg_catalog.pg_class c ON c.oid = v.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         GROUP BY c.oid, n.nspname ORDER BY max(v.depth), 1"
    );
    let mut drops = Vec::new();
    for row in rows(connection, &sql).await? {
        let (name, kind, query): (String, String, String) =
            (row.try_get_by_index(0)?, row.try_get_by_index(1)?, row.try_get_by_index(2)?);
        if kind != "v" {
            let what = if kind == "m" { "materialized view" } else { "rule of" };
            carried
                .problems
                .push(format!("the {what} {name} reads calculations; drop it, and make it again afterwards"));
            continue;
        }
        let (options, oid): (String, i64) = (row.try_get_by_index(3)?, row.try_get_by_index(4)?);
        drops.push(format!("DROP VIEW {name}"));
        carried.on.push(format!("CREATE VIEW {name}{options} AS {}", query.trim_end().trim_end_matches(';')));
        let of = format!("'{name}'::regclass");
        carried.on.push(forget(&of));
        carried.on.extend(grants(connection, &oid.to_string(), "").await?);
        let more = format!(
            "SELECT pg_catalog.pg_get_triggerdef(oid) FROM pg_catalog.pg_trigger WHERE tgrelid = {oid} AND NOT tgisinternal \
             UNION ALL SELECT format('COMMENT ON %s IS %L', CASE objsubid WHEN 0 THEN {view} ELSE (SELECT format('COLUMN {name}.%I', \
             attname) FROM pg_catalog.pg_attribute WHERE attrelid = {oid} AND attnum = objsubid) END, description) \
             FROM pg_catalog.pg_description WHERE objoid = {oid} AND classoid = 'pg_class'::regclass",
            view = sql::text(&format!("VIEW {name}")),
        );
        carried.on.extend(texts(connection, &more).await?);
        if let Some(owner) = row.try_get_by_index::<Option<String>>(5)? {
            carried.on.push(format!("ALTER VIEW {name} OWNER TO {owner}"));
        }
    }
    drops.reverse();
    carried.off.extend(drops);
    Ok(())
}

/// What hangs on the table and is not known how to be put on another.
async fn others(connection: &impl ConnectionTrait, carried: &mut Carried) -> Result<(), DbErr> {
    let own = FUNCTIONS.map(|function| sql::text(function.trim_end_matches("()"))).join(", ");
    let sql = format!(
        "SELECT DISTINCT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) \
         || ' needs calculations as it is; drop it, and make it again afterwards' FROM pg_catalog.pg_depend d \
         WHERE d.deptype = 'n' AND (d.refclassid = 'pg_class'::regclass AND d.refobjid = {{T}} \
          AND d.classid NOT IN ('pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass) \
          OR d.refclassid = 'pg_type'::regclass AND d.refobjid IN (SELECT t.oid FROM pg_catalog.pg_type t \
           WHERE t.typrelid = {{T}} OR t.typelem IN (SELECT y.oid FROM pg_catalog.pg_type y WHERE y.typrelid = {{T}}))) \
         AND NOT (d.classid = 'pg_proc'::regclass AND d.objid IN \
          (SELECT p.oid FROM pg_catalog.pg_proc p WHERE p.proname IN ({own}))) \
         UNION ALL SELECT format('the publication %I tells of calculations; take the table out of it, and put it in again \
         afterwards', p.pubname) FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid \
         WHERE r.prrelid = {{T}} \
         UNION ALL SELECT format('calculations has the rule %I; drop it', rulename) FROM pg_catalog.pg_rewrite \
         WHERE ev_class = {{T}} \
         UNION ALL SELECT format('%s inherits from calculations', i.inhrelid::regclass) FROM pg_catalog.pg_inherits i \
         JOIN pg_catalog.pg_class c ON c.oid = i.inhparent WHERE c.oid = {{T}} AND c.relkind = 'r'"
    );
    carried.problems.extend(texts(connection, &sql).await?);
    Ok(())
}
