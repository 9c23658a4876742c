"""The platform's tables as SQLModel classes, for programs that share a database with mecapy.

Tested with SQLModel 0.0.39 and newer on databases that mecapy made (SQLite and PostgreSQL) and the other way round.
What differs from the models as the platform's description prints them, and why:

- the tables are named; else they would be `user`, `userfile`, `calculation`, `tool`
- `CalculationStatus` comes first and is stored by value as text: SQL compares with 'completed', a native enum would
  hold 'COMPLETED'
- times are naive UTC in columns without a zone (`sa_type=DateTime()`); newer versions of SQLModel would else make
  TIMESTAMPTZ and refuse naive values
- ids and sizes have 64 bits
- `calculations` and `calculation_files` are joined by `link_model`; `input_files` holds inputs only, not the outputs and
  logs that the same table links
- the indexes that the description lists are declared
- `ToolVersion` is defined

Columns that mecapy adds (limits, provenance) are nullable or have defaults and are left out here: programs need not
know them. Migrations are run by `mecapy db upgrade`; a database made by `create_all` or Alembic is adopted by it.

Alembic finds nothing to change on such a database once its env.py leaves out what the database alone holds (tables,
columns and indexes of mecapy, which it would drop), and its script.py.mako says `import sqlmodel`:

    context.configure(..., include_object=lambda item, name, kind, reflected, other: not (reflected and other is None))
"""

from datetime import datetime, timezone
from enum import Enum
from typing import List, Optional

from sqlalchemy import BigInteger, Column, DateTime, Index, Integer
from sqlalchemy import Enum as SqlEnum
from sqlmodel import Field, Relationship, SQLModel

# For sizes too: 64 bits. SQLite has those in an INTEGER, and gives out ids by itself only for a column declared so.
Id = BigInteger().with_variant(Integer(), "sqlite")


def utcnow() -> datetime:
    """Now, UTC, without a zone, as the columns keep it."""
    return datetime.now(timezone.utc).replace(tzinfo=None)


class CalculationStatus(str, Enum):
    """States of a calculation."""

    PENDING = "pending"
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class User(SQLModel, table=True):
    """A person, told by the id in Keycloak."""

    __tablename__ = "users"

    id: Optional[int] = Field(default=None, primary_key=True, sa_type=Id)
    keycloak_id: str = Field(unique=True, index=True, max_length=255)
    username: str = Field(index=True, max_length=100)
    email: str = Field(index=True, max_length=255)
    first_name: Optional[str] = Field(default=None, max_length=100)
    last_name: Optional[str] = Field(default=None, max_length=100)
    display_name: Optional[str] = Field(default=None, max_length=200)
    created_at: datetime = Field(default_factory=utcnow, sa_type=DateTime())
    updated_at: datetime = Field(default_factory=utcnow, sa_type=DateTime(), sa_column_kwargs={"onupdate": utcnow})
    last_login: Optional[datetime] = Field(default=None, sa_type=DateTime())
    is_active: bool = Field(default=True)

    files: List["UserFile"] = Relationship(back_populates="owner")
    calculations: List["Calculation"] = Relationship(back_populates="user")


class CalculationFile(SQLModel, table=True):
    """A file of a calculation, and its role: input, output, artifact, log, or a word of your own."""

    __tablename__ = "calculation_files"

    calculation_id: int = Field(foreign_key="calculations.id", primary_key=True, sa_type=Id)
    file_id: int = Field(foreign_key="user_files.id", primary_key=True, sa_type=Id)
    added_at: datetime = Field(default_factory=utcnow, sa_type=DateTime())
    file_role: str = Field(default="input", max_length=50)


class UserFile(SQLModel, table=True):
    """A file; its bytes are in the object store."""

    __tablename__ = "user_files"

    id: Optional[int] = Field(default=None, primary_key=True, sa_type=Id)
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=Id)
    filename: str = Field(max_length=255)
    original_filename: str = Field(max_length=255)
    file_size: int = Field(ge=0, sa_type=Id)
    content_type: str = Field(max_length=100)
    s3_key: str = Field(unique=True, index=True, max_length=500)
    s3_bucket: str = Field(max_length=100)
    s3_url: str = Field(max_length=1000)
    uploaded_at: datetime = Field(default_factory=utcnow, sa_type=DateTime())
    is_public: bool = Field(default=False)
    description: Optional[str] = Field(default=None, max_length=1000)
    file_hash: Optional[str] = Field(default=None, max_length=64, index=True)

    owner: User = Relationship(back_populates="files")
    calculations: List["Calculation"] = Relationship(
        back_populates="input_files",
        link_model=CalculationFile,
        sa_relationship_kwargs={
            "secondaryjoin": "and_(Calculation.id == CalculationFile.calculation_id, "
            "CalculationFile.file_role == 'input')",
        },
    )


class Calculation(SQLModel, table=True):
    """A calculation: its code, and what came out."""

    __tablename__ = "calculations"

    id: Optional[int] = Field(default=None, primary_key=True, sa_type=Id)
    user_id: int = Field(foreign_key="users.id", index=True, sa_type=Id)
    name: str = Field(max_length=200)
    description: Optional[str] = Field(default=None, max_length=2000)
    status: CalculationStatus = Field(
        default=CalculationStatus.PENDING,
        sa_column=Column(
            SqlEnum(
                CalculationStatus,
                values_callable=lambda states: [state.value for state in states],
                native_enum=False,
                create_constraint=False,
                length=9,
            ),
            nullable=False,
            index=True,
        ),
    )
    started_at: Optional[datetime] = Field(default=None, sa_type=DateTime())
    completed_at: Optional[datetime] = Field(default=None, sa_type=DateTime())
    code: str = Field(max_length=10000)
    parameters: Optional[str] = Field(default=None, max_length=5000)
    result_data: Optional[str] = Field(default=None, max_length=50000)
    error_message: Optional[str] = Field(default=None, max_length=2000)
    execution_time: Optional[float] = Field(default=None, ge=0)
    memory_used: Optional[int] = Field(default=None, ge=0)
    cpu_time: Optional[float] = Field(default=None, ge=0)
    created_at: datetime = Field(default_factory=utcnow, sa_type=DateTime(), index=True)
    updated_at: datetime = Field(default_factory=utcnow, sa_type=DateTime(), sa_column_kwargs={"onupdate": utcnow})

    user: User = Relationship(back_populates="calculations")
    input_files: List[UserFile] = Relationship(
        back_populates="calculations",
        link_model=CalculationFile,
        sa_relationship_kwargs={
            "secondaryjoin": "and_(UserFile.id == CalculationFile.file_id, CalculationFile.file_role == 'input')",
        },
    )


class Tool(SQLModel, table=True):
    """A tool: the current version of it."""

    __tablename__ = "tools"

    id: Optional[int] = Field(default=None, primary_key=True, sa_type=Id)
    name: str = Field(max_length=100, unique=True, index=True)
    display_name: str = Field(max_length=200)
    description: str = Field(max_length=2000)
    version: str = Field(max_length=20)
    code_template: str = Field(max_length=10000)
    docker_image: str = Field(max_length=200)
    memory_limit: int = Field(default=256)
    cpu_limit: float = Field(default=0.5)
    timeout: int = Field(default=30)
    created_at: datetime = Field(default_factory=utcnow, sa_type=DateTime())
    updated_at: datetime = Field(default_factory=utcnow, sa_type=DateTime(), sa_column_kwargs={"onupdate": utcnow})
    is_active: bool = Field(default=True, index=True)
    author_id: int = Field(foreign_key="users.id", index=True, sa_type=Id)

    author: User = Relationship()
    tool_versions: List["ToolVersion"] = Relationship(back_populates="tool")


class ToolVersion(SQLModel, table=True):
    """A version of a tool; publishing appends one and never rewrites."""

    __tablename__ = "tool_versions"
    __table_args__ = (Index("tool_versions_of_tool", "tool_id", "version", unique=True),)

    id: Optional[int] = Field(default=None, primary_key=True, sa_type=Id)
    tool_id: int = Field(foreign_key="tools.id", sa_type=Id)
    version: str = Field(max_length=20)
    code_template: str = Field(max_length=10000)
    docker_image: str = Field(max_length=200)
    memory_limit: int = Field(default=256)
    cpu_limit: float = Field(default=0.5)
    timeout: int = Field(default=30)
    changelog: Optional[str] = Field(default=None, max_length=2000)
    created_at: datetime = Field(default_factory=utcnow, sa_type=DateTime())
    created_by: int = Field(foreign_key="users.id", sa_type=Id)

    tool: Tool = Relationship(back_populates="tool_versions")
