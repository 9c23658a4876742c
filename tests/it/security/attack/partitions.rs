//! Partitions are no way round the policies of their table.

use crate::{
    security::cast::{Cast, DENIED},
    support::home::Home,
};

#[tokio::test]
async fn partitions_are_reached_through_their_table_only() {
    for partitioned_first in [false, true] {
        let Some(cast) = Cast::new() else { return };
        let superuser = cast.database.server().superuser_url(cast.database.name());
        let superuser = Home::new().with("DATABASE_URL", &superuser);
        let owner = Home::new().with("DATABASE_URL", &cast.database.url());
        if partitioned_first {
            superuser.run(&["db", "secure", "--off", "--yes"]).code(0);
            owner.run(&["db", "partition", "--yes"]).code(0);
            cast.owner("GRANT SELECT ON ALL TABLES IN SCHEMA public TO PUBLIC");
            superuser.run(&["db", "secure"]).code(0);
            let person = "SELECT role_name FROM mecapy_people WHERE role_name LIKE '%alice'";
            assert_eq!(cast.owner(person), "", "who is who went with the protection");
            let role = cast.role("alice");
            superuser.run(&["admin", "provision", &role, "--sub", "sub-alice"]).code(0);
        } else {
            owner.run(&["db", "partition", "--yes"]).code(0);
        }
        let checked = superuser.run(&["db", "check"]);
        assert_eq!((checked.code, checked.out.as_str()), (0, ""), "{partitioned_first}");
        let mut alice = cast.connect("alice").await;
        assert_eq!(alice.one("SELECT count(*) FROM calculations").await, "2");
        assert_eq!(alice.one("SELECT count(*) FROM calculation_files").await, "1");
        let parts = cast.owner("SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'calculations'::regclass");
        assert!(parts.lines().count() > 1, "{parts}");
        for part in parts.lines().chain(["calculation_ids"]) {
            for sql in ["SELECT * FROM", "SELECT tableoid FROM ONLY", "DELETE FROM", "TRUNCATE"] {
                alice.refused(&format!("{sql} {part}"), DENIED).await;
            }
        }
        let (me, theirs) = (cast.id("alice"), cast.first("calculations", "bob"));
        assert_eq!(alice.change(&format!("UPDATE calculations SET name = 'x' WHERE id = {theirs}")).await, 0);
        let moved = format!("UPDATE calculations SET user_id = {} WHERE user_id = {me}", cast.id("bob"));
        alice.refused(&moved, DENIED).await;
        let child = |parent: i64| {
            format!("INSERT INTO calculations (user_id, name, code, parent_id) VALUES ({me}, 'n', 'pass', {parent})")
        };
        alice.refused(&child(theirs), DENIED).await;
        assert_eq!(alice.change(&child(cast.first("calculations", "alice"))).await, 1);
        assert_eq!(alice.change("DELETE FROM calculations WHERE parent_id IS NOT NULL").await, 1);
        // Given away by mistake, it is told, and taken back.
        let part = parts.lines().next().unwrap();
        cast.owner(&format!("GRANT SELECT ON {part}, calculation_ids TO mecapy_user"));
        let told = superuser.run(&["db", "check"]).code(1).out;
        for of in [format!("partition {part}"), "table calculation_ids".to_owned()] {
            assert!(told.contains(&format!("extra    grant {of} to mecapy_user: SELECT")), "{told}");
        }
        superuser.run(&["db", "secure"]).code(0);
        superuser.run(&["db", "check"]).code(0);
        alice.refused(&format!("SELECT * FROM {part}"), DENIED).await;
    }
}
