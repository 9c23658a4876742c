"""What a Python program of the platform does with a database, through the models of docs/models.py.

use.py MODELS URL write     adds people, files, calculations of every state, links, tools, versions
use.py MODELS URL read      prints what it reads, one JSON line a row
use.py MODELS URL serve     works for everybody, as the platform's worker does: runs what waits, stores a file of it
use.py MODELS URL create    makes the tables as create_all does
Variants of the models, as programs in the field have them, are chosen by the environment:
ENUM=native (upper case, a type of its own), TZ=1 (times with a zone), SMALL=1 (ids of 32 bits), NOVERSIONS=1.
"""

import json
import os
import sys
from datetime import datetime, timedelta


def source(path):
    text = open(path).read()
    if os.environ.get("ENUM") == "native":
        start, end = text.index("        sa_column=Column("), text.index("    started_at: Optional[datetime]")
        text = text[:start] + "        index=True,\n    )\n" + text[end:]
    if os.environ.get("TZ"):
        text = text.replace("DateTime()", "DateTime(timezone=True)")
        text = text.replace(".replace(tzinfo=None)", "")
    if os.environ.get("SMALL"):
        text = text.replace(", sa_type=Id)", ")").replace(", sa_type=BigInteger)", ")")
    if os.environ.get("NOVERSIONS"):
        text = text[: text.index("class ToolVersion")]
        text = text.replace('    tool_versions: List["ToolVersion"] = Relationship(back_populates="tool")\n', "")
    return text


models = {"__name__": "models"}
sys.modules["models"] = type(sys)("models")
exec(compile(source(sys.argv[1]), sys.argv[1], "exec"), sys.modules["models"].__dict__)
from models import *  # noqa: E402,F403
from sqlmodel import Session, SQLModel, create_engine, select  # noqa: E402

engine = create_engine(sys.argv[2])
NAIVE = not os.environ.get("TZ")
START = datetime(2024, 1, 15, 10, 20, 30, tzinfo=None if NAIVE else timezone.utc)  # noqa: F405


def write(session):
    ann = User(keycloak_id="kc-ann", username="ann", email="ann@example.org", display_name="Ann É.", last_login=START)
    bob = User(keycloak_id="kc-bob", username="bob", email="bob@example.org")
    session.add_all([ann, bob])
    session.flush()
    for number in range(3):
        session.add(
            UserFile(
                user_id=ann.id, filename=f"mesh{number}.csv", original_filename=f"Maillage {number}.csv",
                file_size=5_000_000_000 if number == 0 and not os.environ.get("SMALL") else number, content_type="text/csv",
                s3_key=f"users/kc-ann/files/{number}/mesh.csv", s3_bucket="mecapy",
                s3_url=f"https://s3.example/{number}", file_hash="ab" * 32, description="l'été \U0001f600",
                uploaded_at=START + timedelta(microseconds=number * 1000),
            )
        )
    session.flush()
    files = session.exec(select(UserFile).order_by(UserFile.id)).all()
    states = list(CalculationStatus)
    for number in range(25):
        # Times with no, three and six digits that matter: the spelling must not.
        at = START + timedelta(seconds=number // 3, microseconds=[0, 123000, 123456][number % 3])
        state = states[number % 5]
        calculation = Calculation(
            user_id=ann.id, name=f"Poutre {number:02}", status=state, code="print(1)", parameters='{"d": 12}',
            created_at=at, updated_at=at,
        )
        if state in (CalculationStatus.COMPLETED, CalculationStatus.FAILED):
            calculation.started_at = at
            calculation.completed_at = at + timedelta(seconds=2)
            calculation.execution_time = 1.5 + number
            calculation.memory_used = 12
            calculation.cpu_time = 0.25
        if state is CalculationStatus.COMPLETED:
            calculation.result_data = '{"x": 1}'
        if state is CalculationStatus.FAILED:
            calculation.error_message = "line 3: ZeroDivisionError"
        if number == 0:
            calculation.input_files = files[:2]
        session.add(calculation)
    session.flush()
    first = session.exec(select(Calculation).order_by(Calculation.id)).first()
    session.add(CalculationFile(calculation_id=first.id, file_id=files[2].id, file_role="log"))
    tool = Tool(
        name="beam", display_name="Poutre", description="Flèche", version="1.2", code_template="print(2)",
        docker_image="python:3.11", author_id=ann.id,
    )
    session.add(tool)
    session.flush()
    if not os.environ.get("NOVERSIONS"):
        session.add(
            ToolVersion(
                tool_id=tool.id, version="1.2", code_template="print(2)", docker_image="python:3.11",
                changelog="first", created_by=ann.id,
            )
        )
    session.commit()


def read(session):
    def row(kind, **values):
        print(json.dumps({"kind": kind, **values}, ensure_ascii=False, default=str))

    for user in session.exec(select(User).order_by(User.id)).all():
        row("user", username=user.username, files=len(user.files), calculations=len(user.calculations))
    for file in session.exec(select(UserFile).order_by(UserFile.id)).all():
        row("file", name=file.original_filename, size=file.file_size, owner=file.owner.username, hash=file.file_hash)
    for c in session.exec(select(Calculation).order_by(Calculation.created_at, Calculation.id)).all():
        assert c.created_at.tzinfo is None, c.created_at
        row(
            "calculation", name=c.name, status=c.status.value, owner=c.user.username, created_at=c.created_at.isoformat(),
            inputs=[f.filename for f in c.input_files], result=c.result_data, error=c.error_message,
            time=c.execution_time, memory=c.memory_used,
        )
    for tool in session.exec(select(Tool).order_by(Tool.id)).all():
        row("tool", name=tool.name, author=tool.author.username, versions=[v.version for v in tool.tool_versions])
    # The other direction: a state changes, and a time with it.
    assert session.exec(select(Calculation).where(Calculation.status == CalculationStatus.RUNNING)) is not None


def serve(session):
    """Runs every calculation that waits, whoever's it is, and deletes what its owner no longer needs."""
    waiting = select(Calculation).where(Calculation.status == CalculationStatus.PENDING).order_by(Calculation.id)
    for calculation in session.exec(waiting).all():
        calculation.status = CalculationStatus.RUNNING
        calculation.started_at = START
        session.commit()
        calculation.status = CalculationStatus.COMPLETED
        calculation.completed_at = START + timedelta(seconds=1)
        calculation.result_data = json.dumps({"served": calculation.user.username})
        written = UserFile(
            user_id=calculation.user_id, filename="out.csv", original_filename="out.csv", file_size=1, content_type="text/csv",
            s3_key=f"users/{calculation.user.keycloak_id}/out/{calculation.id}", s3_bucket="mecapy", s3_url="file:/x",
        )
        session.add(written)
        session.flush()
        session.add(CalculationFile(calculation_id=calculation.id, file_id=written.id, file_role="output"))
        session.commit()
        print(json.dumps({"kind": "served", "id": calculation.id, "owner": calculation.user.username}))
    # What has failed goes, with its links.
    for calculation in session.exec(select(Calculation).where(Calculation.status == CalculationStatus.FAILED)).all():
        for link in session.exec(select(CalculationFile).where(CalculationFile.calculation_id == calculation.id)).all():
            session.delete(link)
        session.delete(calculation)
    session.commit()


match sys.argv[3]:
    case "create":
        SQLModel.metadata.create_all(engine)
    case verb:
        with Session(engine) as session:
            {"write": write, "read": read, "serve": serve}[verb](session)
