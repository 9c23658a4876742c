//! What the policies ask: who is at the other end of the connection.

/// A function. None takes another person's name or id and tells something about that person.
pub(super) struct Function {
    /// Its name with the types of its arguments.
    pub(super) signature: &'static str,
    pub(super) returns: &'static str,
    pub(super) language: &'static str,
    pub(super) attributes: &'static str,
    pub(super) body: &'static str,
}

/// Runs with the owner's eyes; the same within one statement, so that it can be asked once.
const SEES_ALL: &str = "STABLE SECURITY DEFINER PARALLEL SAFE";

pub(super) const FUNCTIONS: [Function; 5] = [
    // The role that signed in, which neither SET ROLE nor any setting changes. Whoever is switched off is nobody.
    Function {
        signature: "me()",
        returns: "bigint",
        language: "sql",
        attributes: SEES_ALL,
        body: "SELECT u.id FROM mecapy_people p JOIN users u ON u.id = p.user_id \
               WHERE p.role_name = session_user AND u.is_active",
    },
    Function {
        signature: "my_sub()",
        returns: "text",
        language: "sql",
        attributes: SEES_ALL,
        body: "SELECT u.keycloak_id FROM mecapy_people p JOIN users u ON u.id = p.user_id \
               WHERE p.role_name = session_user AND u.is_active",
    },
    // A program of this database; the group alone is the whole server's.
    Function {
        signature: "i_am_program()",
        returns: "boolean",
        language: "sql",
        attributes: SEES_ALL,
        body: "SELECT EXISTS (SELECT FROM mecapy_people WHERE role_name = session_user AND user_id IS NULL AND is_on)",
    },
    // By name and not by a policy's own query: a table that is made anew as partitions is found all the same, and a
    // policy of `calculations` may not read `calculations`.
    Function {
        signature: "my_calculation(bigint)",
        returns: "boolean",
        language: "sql",
        attributes: SEES_ALL,
        body: "SELECT EXISTS (SELECT FROM calculations WHERE id = $1 AND user_id = (SELECT me()))",
    },
    // Privileges are of columns or of rows, never of columns in certain rows.
    Function {
        signature: "mecapy_guard()",
        returns: "trigger",
        language: "plpgsql",
        // Whoever updates, it may ask.
        attributes: "SECURITY DEFINER",
        body: "DECLARE
  person bigint := me();
BEGIN
  IF person IS NULL OR NEW.id = person THEN
    RETURN NEW;
  END IF;
  OLD.is_active := NEW.is_active;
  OLD.updated_at := NEW.updated_at;
  IF NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'an administrator switches others on and off, and changes nothing else of them'
      USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN NEW;
END",
    },
];
