//! Who may read and write which rows and columns of each table.

use super::{ADMIN, GROUPS, SERVICE, USER};

/// A table and what its rows are protected by.
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// What each group may do at all: `SELECT`, `UPDATE (name)`.
    pub grants: &'static [(&'static str, &'static str)],
    /// Which rows.
    pub policies: &'static [Policy],
}

/// A rule for rows.
pub struct Policy {
    /// Its name, after `mecapy_`.
    pub name: &'static str,
    /// `ALL`, `SELECT`, `INSERT`, `UPDATE`.
    pub on: &'static str,
    /// The group it is for.
    pub to: &'static str,
    /// Which rows are seen; none for `INSERT`.
    pub using: &'static str,
    /// What may be written; nothing where nothing is.
    pub check: &'static str,
}

impl Table {
    pub(super) fn up(&self) -> Vec<String> {
        let name = self.name;
        let mut all = vec![format!("REVOKE ALL ON TABLE {name} FROM PUBLIC, {}", GROUPS.join(", "))];
        all.extend(self.grants.iter().map(|(group, what)| format!("GRANT {what} ON TABLE {name} TO {group}")));
        for policy in self.policies {
            all.push(policy.drop(name));
            all.push(policy.create(name));
        }
        // The owner goes on seeing everything: what the functions ask, and references between tables, run as the owner.
        all.push(format!("ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"));
        all.push(format!("ALTER TABLE {name} ENABLE ROW LEVEL SECURITY"));
        all
    }

    pub(super) fn down(&self) -> Vec<String> {
        let name = self.name;
        let mut all = vec![
            format!("REVOKE ALL ON TABLE {name} FROM {}", GROUPS.join(", ")),
            format!("ALTER TABLE {name} DISABLE ROW LEVEL SECURITY"),
        ];
        all.extend(self.policies.iter().map(|policy| policy.drop(name)));
        all
    }
}

impl Policy {
    fn create(&self, table: &str) -> String {
        let Self { name, on, to, using, check } = self;
        let using = if using.is_empty() { String::new() } else { format!("\n  USING ({using})") };
        let check = if check.is_empty() { String::new() } else { format!("\n  WITH CHECK ({check})") };
        format!("CREATE POLICY mecapy_{name} ON {table} FOR {on} TO {to}{using}{check}")
    }

    fn drop(&self, table: &str) -> String {
        format!("DROP POLICY IF EXISTS mecapy_{} ON {table}", self.name)
    }
}

/// `me()` stands in a query of its own everywhere, which is run once for a statement and not once for a row.
const SOMEBODY: &str = "(SELECT me()) IS NOT NULL";
const PROGRAM: &str = "(SELECT i_am_program())";
/// A key below the person's own folder, from which no step leads up again.
const OWN_KEY: &str = r"user_id = (SELECT me())
    AND (starts_with(s3_key, 'users/' || (SELECT my_sub()) || '/')
      OR starts_with(s3_key, 'public/' || (SELECT my_sub()) || '/'))
    AND s3_key !~ '(^|/)\.{0,2}(/|$)'";
/// Only what belongs to the person, or is everybody's, may be linked to the person's own calculations.
const OWN_LINK: &str = "my_calculation(calculation_id) AND EXISTS (SELECT FROM user_files f \
    WHERE f.id = calculation_files.file_id AND (f.user_id = (SELECT me()) OR f.is_public))";

/// A program of this database works for everybody.
const fn service() -> Policy {
    Policy { name: "service", on: "ALL", to: SERVICE, using: PROGRAM, check: PROGRAM }
}

const fn admin_reads() -> Policy {
    Policy { name: "admin", on: "SELECT", to: ADMIN, using: SOMEBODY, check: "" }
}

const fn own(using: &'static str, check: &'static str) -> Policy {
    Policy { name: "own", on: "ALL", to: USER, using, check }
}

const ALL: &str = "SELECT, INSERT, UPDATE, DELETE";

/// Every table that is mecapy's, but for [`super::PEOPLE`]. An id is never among the columns to write: whoever may
/// choose ids can take those that others are about to get.
pub const TABLES: [Table; 8] = [
    Table {
        name: "users",
        grants: &[
            (USER, "SELECT"),
            (USER, "UPDATE (username, email, first_name, last_name, display_name, last_login, updated_at)"),
            (ADMIN, "UPDATE (is_active, updated_at)"),
            (SERVICE, ALL),
        ],
        policies: &[
            Policy { name: "own_read", on: "SELECT", to: USER, using: "id = (SELECT me())", check: "" },
            Policy {
                name: "own_write",
                on: "UPDATE",
                to: USER,
                using: "id = (SELECT me())",
                check: "id = (SELECT me())",
            },
            admin_reads(),
            Policy { name: "admin_write", on: "UPDATE", to: ADMIN, using: SOMEBODY, check: SOMEBODY },
            service(),
        ],
    },
    Table {
        name: "user_files",
        grants: &[
            (USER, "SELECT, DELETE"),
            (
                USER,
                "INSERT (user_id, filename, original_filename, file_size, content_type, s3_key, s3_bucket, s3_url, \
                 uploaded_at, is_public, description, file_hash)",
            ),
            (USER, "UPDATE (filename, content_type, s3_key, s3_bucket, s3_url, is_public, description, file_hash)"),
            (SERVICE, ALL),
        ],
        policies: &[
            own("user_id = (SELECT me())", OWN_KEY),
            Policy {
                name: "public",
                on: "SELECT",
                to: USER,
                using: "is_public AND (SELECT me()) IS NOT NULL",
                check: "",
            },
            admin_reads(),
            service(),
        ],
    },
    Table {
        name: "calculations",
        grants: &[
            (USER, "SELECT, DELETE"),
            (
                USER,
                "INSERT (user_id, name, description, status, started_at, completed_at, code, parameters, result_data, \
                 error_message, execution_time, memory_used, cpu_time, created_at, updated_at, timeout, memory_limit, \
                 cpu_limit, tool_id, tool_version_id, parent_id)",
            ),
            (
                USER,
                "UPDATE (name, description, status, started_at, completed_at, code, parameters, result_data, \
                 error_message, execution_time, memory_used, cpu_time, updated_at, timeout, memory_limit, cpu_limit, \
                 tool_id, tool_version_id, parent_id)",
            ),
            (SERVICE, ALL),
        ],
        policies: &[
            own(
                "user_id = (SELECT me())",
                "user_id = (SELECT me()) AND (parent_id IS NULL OR my_calculation(parent_id))",
            ),
            admin_reads(),
            service(),
        ],
    },
    Table {
        name: "calculation_files",
        grants: &[
            (USER, "SELECT, DELETE"),
            (USER, "INSERT (calculation_id, file_id, added_at, file_role, alias)"),
            (USER, "UPDATE (file_role, alias)"),
            (SERVICE, ALL),
        ],
        policies: &[own("my_calculation(calculation_id)", OWN_LINK), admin_reads(), service()],
    },
    Table {
        name: "calculation_runs",
        grants: &[
            (USER, "SELECT, INSERT, DELETE"),
            (
                USER,
                "UPDATE (host, started_at, heartbeat_at, completed_at, stop_requested_at, engine, level, guarantee, \
                 interpreter, image_digest, container_id, timeout, memory_limit, cpu_limit, exit_code, signal, error_kind, \
                 error_line, cpu_time, peak_memory, accounting, notes, live)",
            ),
            (SERVICE, ALL),
        ],
        policies: &[
            own("user_id = (SELECT me())", "user_id = (SELECT me()) AND my_calculation(calculation_id)"),
            admin_reads(),
            service(),
        ],
    },
    Table {
        name: "tools",
        grants: &[
            (USER, "SELECT"),
            (
                USER,
                "INSERT (name, display_name, description, version, code_template, docker_image, memory_limit, cpu_limit, \
                 timeout, created_at, updated_at, is_active, author_id)",
            ),
            (
                USER,
                "UPDATE (name, display_name, description, version, code_template, docker_image, memory_limit, cpu_limit, \
                 timeout, updated_at, is_active)",
            ),
            (SERVICE, ALL),
        ],
        policies: &[
            own("author_id = (SELECT me())", "author_id = (SELECT me())"),
            Policy {
                name: "offered",
                on: "SELECT",
                to: USER,
                using: "is_active AND (SELECT me()) IS NOT NULL",
                check: "",
            },
            admin_reads(),
            Policy { name: "admin_write", on: "UPDATE", to: ADMIN, using: SOMEBODY, check: SOMEBODY },
            service(),
        ],
    },
    // Versions are never rewritten, by nobody: there is no UPDATE and no DELETE.
    Table {
        name: "tool_versions",
        grants: &[
            (USER, "SELECT"),
            (
                USER,
                "INSERT (tool_id, version, code_template, docker_image, memory_limit, cpu_limit, timeout, changelog, \
                 created_at, created_by)",
            ),
            (SERVICE, "SELECT, INSERT"),
        ],
        policies: &[
            Policy {
                name: "read",
                on: "SELECT",
                to: USER,
                // As far as the policies of `tools` let the reader see.
                using: "EXISTS (SELECT FROM tools t WHERE t.id = tool_versions.tool_id)",
                check: "",
            },
            Policy {
                name: "publish",
                on: "INSERT",
                to: USER,
                using: "",
                check: "created_by = (SELECT me()) AND EXISTS (SELECT FROM tools t \
                        WHERE t.id = tool_versions.tool_id AND t.author_id = (SELECT me()))",
            },
            Policy { name: "admin_publish", on: "INSERT", to: ADMIN, using: "", check: "created_by = (SELECT me())" },
            service(),
        ],
    },
    // What the program looks at when it opens the database.
    Table {
        name: crate::APPLIED_TABLE,
        grants: &[(USER, "SELECT"), (SERVICE, "SELECT")],
        policies: &[
            Policy { name: "read", on: "SELECT", to: USER, using: "true", check: "" },
            Policy { name: "service", on: "SELECT", to: SERVICE, using: "true", check: "" },
        ],
    },
];
