//! The managed runner: what `calculate` is given, what becomes of what it returns, what a failure says.

use super::harness::{Case, Seen, run};
use crate::support::{skipped, user::Person};
use mecapy::domain::{run::ErrorKind, status::Status};
use std::{path::Path, process::Command};

/// A code, its parameters, and what must come of it.
struct Expect {
    code: &'static str,
    parameters: &'static str,
    outcome: Outcome,
}

enum Outcome {
    /// The result's text.
    Result(&'static str),
    /// No result, and no error.
    Nothing,
    /// The kind, the first line of the message, the line of the code.
    Error(ErrorKind, &'static str, Option<u32>),
}

use Outcome::{Error, Nothing, Result};

const CASES: &[Expect] = &[
    // A result that a plain script leaves is a file of its own.
    Expect {
        code: "import os\nopen('a.json', 'w').write('{}')\nos.link('a.json', '../data.json')\n",
        parameters: "{}",
        outcome: Error(ErrorKind::BadResult, "the result (out/data.json) is a hard link, not a file of its own", None),
    },
    Expect {
        code: "import os\nos.symlink('../in/data.json', '../data.json')\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::BadResult,
            "the result (out/data.json) is a symbolic link, not a file of its own",
            None,
        ),
    },
    // Both calling forms.
    Expect {
        code: "def calculate(load, span=2.0, *, n=3):\n    return {'m': load * span / 4, 'n': n}\n",
        parameters: "{\"load\": 8}",
        outcome: Result("{\"m\": 4.0, \"n\": 3}"),
    },
    Expect {
        code: "def calculate(inputs):\n    return {'sum': sum(inputs.values())}\n",
        parameters: "{\"a\": 1, \"b\": 2}",
        outcome: Result("{\"sum\": 3}"),
    },
    Expect {
        code: "def calculate(**given):\n    return dict(sorted(given.items()))\n",
        parameters: "{\"b\": 1, \"a\": \"é\"}",
        outcome: Result("{\"a\": \"é\", \"b\": 1}"),
    },
    Expect {
        code: "import functools\ndef twice(f):\n    @functools.wraps(f)\n    def g(*a, **k):\n        return {'x': 2 * f(*a, **k)['x']}\n    return g\n@twice\ndef calculate(x):\n    return {'x': x}\n",
        parameters: "{\"x\": 21}",
        outcome: Result("{\"x\": 42}"),
    },
    // Missing and unknown parameters.
    Expect {
        code: "# beam\ndef calculate(load, span):\n    return {}\n",
        parameters: "{\"lod\": 8, \"span\": 1}",
        outcome: Error(
            ErrorKind::Exception,
            "line 2: TypeError: calculate needs the parameter 'load', which is not among the parameters given ('lod')",
            Some(2),
        ),
    },
    Expect {
        code: "def calculate(load=1, span=2):\n    return {}\n",
        parameters: "{\"lod\": 8}",
        outcome: Error(
            ErrorKind::Exception,
            "line 1: TypeError: calculate has no parameter 'lod'; did you mean 'load'?",
            Some(1),
        ),
    },
    // What it returns.
    Expect {
        code: "from pathlib import Path\nimport enum\nclass K(enum.IntEnum):\n    A = 4\ndef calculate():\n    return {'t': (1, 2.5, None, True), 'p': Path('/x'), 7: 'seven', 's': {2, 1}, 'k': K.A, 'big': 10**40}\n",
        parameters: "{}",
        outcome: Result(
            "{\"t\": [1, 2.5, null, true], \"p\": \"/x\", \"7\": \"seven\", \"s\": [1, 2], \"k\": 4, \"big\": 10000000000000000000000000000000000000000}",
        ),
    },
    Expect {
        code: "def calculate():\n    return {'a': {'stress': [1.0, float('nan')]}}\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::Exception,
            "line 1: ValueError: the result is not valid JSON: a.stress[1] is NaN",
            Some(1),
        ),
    },
    Expect {
        code: "def calculate():\n    return {'z': 1j}\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::Exception,
            "line 1: TypeError: the result is not valid JSON: z is a complex",
            Some(1),
        ),
    },
    Expect {
        code: "def calculate():\n    return [1, 2]\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::Exception,
            "line 1: TypeError: calculate returned a list; it must return a dict",
            Some(1),
        ),
    },
    Expect {
        code: "def calculate():\n    x = {}\n    x['x'] = x\n    return x\n",
        parameters: "{}",
        outcome: Error(ErrorKind::Exception, "line 1: ValueError: the result is nested deeper than 64 levels", Some(1)),
    },
    Expect { code: "def calculate():\n    pass\n", parameters: "{}", outcome: Nothing },
    // Plain scripts.
    Expect { code: "print('nothing to see')\n", parameters: "{}", outcome: Nothing },
    Expect {
        code: "if __name__ == '__main__':\n    open('/workspace/out/data.json', 'w').write('{\"m\": 1}')\n",
        parameters: "{}",
        outcome: Result("{\"m\": 1}"),
    },
    Expect {
        code: "\u{feff}import json\njson.dump(json.load(open('/workspace/in/data.json')), open('/workspace/out/data.json', 'w'))\n",
        parameters: "{\"a\": [1]}",
        outcome: Result("{\"a\": [1]}"),
    },
    // Failures.
    Expect {
        code: "def solve(x):\n    return 1 / x\n\ndef calculate(x):\n    return {'y': solve(x)}\n",
        parameters: "{\"x\": 0}",
        outcome: Error(ErrorKind::Exception, "line 2: ZeroDivisionError: division by zero", Some(2)),
    },
    Expect {
        code: "x = 1\ndef calculate(:\n    pass\n",
        parameters: "{}",
        outcome: Error(ErrorKind::Exception, "line 2: SyntaxError: invalid syntax", Some(2)),
    },
    Expect {
        code: "if True:\n\tx = 1\n        y = 2\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::Exception,
            "line 3: TabError: inconsistent use of tabs and spaces in indentation",
            Some(3),
        ),
    },
    Expect {
        code: "import json\njson.loads('{')\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::Exception,
            "line 2: JSONDecodeError: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
            Some(2),
        ),
    },
    Expect {
        code: "import scipy_of_nowhere\n",
        parameters: "{}",
        outcome: Error(
            ErrorKind::Exception,
            "line 1: ModuleNotFoundError: No module named 'scipy_of_nowhere'",
            Some(1),
        ),
    },
    Expect {
        code: "raise MemoryError('no room')\n",
        parameters: "{}",
        outcome: Error(ErrorKind::Oom, "out of memory: limit 256 MiB (line 1: MemoryError: no room)", Some(1)),
    },
    Expect {
        code: "import ctypes\ndef calculate():\n    ctypes.string_at(0)\n",
        parameters: "{}",
        outcome: Error(ErrorKind::Signal, "killed by signal 11 (SIGSEGV)", Some(3)),
    },
];

#[test]
fn what_calculate_is_given_and_what_becomes_of_it() {
    let cases: Vec<Case> = CASES
        .iter()
        .enumerate()
        .map(|(number, expect)| {
            let mut case = Case::new(&number.to_string(), expect.code);
            case.parameters = expect.parameters.into();
            case
        })
        .collect();
    let mut problems = Vec::new();
    for (expect, seen) in CASES.iter().zip(run(Person::unprivileged(), &cases, &[])) {
        let outcome = &seen.outcome;
        let first_line = outcome.error_message.as_deref().and_then(|message| message.lines().next());
        let as_expected = match &expect.outcome {
            Result(text) => outcome.status == Status::Completed && outcome.result_data.as_deref() == Some(*text),
            Nothing => outcome.status == Status::Completed && outcome.result_data.is_none(),
            Error(kind, message, line) => {
                outcome.error_kind == Some(*kind) && first_line == Some(*message) && outcome.error_line == *line
            }
        };
        if !as_expected {
            problems.push(format!("{}\ngave {outcome:#?}\n{}", expect.code, seen.output));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn a_traceback_shows_the_codes_own_frames_only() {
    let seen = Case::new("frames", "def inner():\n    raise KeyError('load')\n\ndef calculate():\n    inner()\n").run();
    let message = seen.outcome.error_message.unwrap();
    assert!(message.starts_with("line 2: KeyError: 'load'\nTraceback"), "{message}");
    assert!(message.contains("File \"main.py\", line 5, in calculate"), "{message}");
    assert!(message.contains("raise KeyError('load')"), "{message}");
    assert!(!message.contains("runner") && !seen.output.contains("runner.py"), "{message}\n{}", seen.output);
}

#[test]
fn input_files_reach_the_parameters_of_their_name() {
    let keyword = "def calculate(mesh, n):\n    return {'text': mesh.read_text(), 'name': mesh.name, 'n': n}\n";
    let mapping = "def calculate(inputs):\n    return {'text': inputs['mesh'].read_text(), 'n': inputs['n']}\n";
    let script = "import os\nopen('kept.txt', 'w').write(','.join(sorted(os.listdir('/workspace/in/files'))))\n";
    let cases = [keyword, mapping, script].map(|code| {
        let mut case = Case::new("inputs", code);
        case.parameters = "{\"n\": 2}".into();
        case.inputs = vec![("1;2".into(), "mesh.csv".into()), ("x".into(), "autre fichier é.dat".into())];
        case
    });
    let seen = run(Person::unprivileged(), &cases, &[]);
    let result = |seen: &Seen| seen.outcome.result_data.clone().unwrap_or_else(|| format!("{:?}", seen.outcome));
    assert_eq!(result(&seen[0]), "{\"text\": \"1;2\", \"name\": \"mesh.csv\", \"n\": 2}");
    assert_eq!(result(&seen[1]), "{\"text\": \"1;2\", \"n\": 2}");
    assert_eq!(seen[2].kept, ["autre fichier é.dat,mesh.csv"]);
}

#[test]
fn a_venv_in_a_closed_folder_is_an_interpreter() {
    let person = Person::unprivileged();
    let home = person.folder();
    let venv = home.path().join("venv");
    let made = Command::new("/usr/bin/python3").args(["-m", "venv", "--without-pip"]).arg(&venv).output();
    if !made.as_ref().is_ok_and(|output| output.status.success()) {
        return skipped("this machine's python3 makes no venv (python3-venv)");
    }
    let packages = std::fs::read_dir(venv.join("lib")).unwrap().flatten().next().unwrap().path().join("site-packages");
    std::fs::write(packages.join("in_the_venv.py"), "ANSWER = 42\n").unwrap();
    give(person, home.path());
    let code =
        "import sys, in_the_venv\ndef calculate():\n    return {'answer': in_the_venv.ANSWER, 'prefix': sys.prefix}\n";
    for interpreter in [venv.join("bin/python3"), venv.clone()] {
        let mut case = Case::new("venv", code);
        case.python = Some(interpreter);
        let seen = run(person, &[case], &[]).remove(0);
        let expected = format!("{{\"answer\": 42, \"prefix\": \"{}\"}}", venv.display());
        assert_eq!(seen.outcome.result_data, Some(expected), "{:?}\n{}", seen.outcome, seen.output);
    }
}

#[test]
fn numpys_numbers_and_arrays_become_json() {
    let Some(python) = super::corpus::numpy() else {
        return skipped("no python3 with numpy (python3-numpy)");
    };
    let code = "
import numpy as np
def calculate():
    return {'i': np.int64(3), 'f': np.float32(0.5), 'b': np.bool_(True), 'a': np.arange(4.0).reshape(2, 2), np.int64(1): 'key'}
";
    let nan = "import numpy as np\ndef calculate():\n    return {'u': np.array([[0.0, 1.0], [np.inf, 2.0]])}\n";
    let cases = [code, nan].map(|code| {
        let mut case = Case::new("numpy", code);
        case.python = Some(python.clone());
        case
    });
    let seen = run(Person::unprivileged(), &cases, &[]);
    let expected = "{\"i\": 3, \"f\": 0.5, \"b\": true, \"a\": [[0.0, 1.0], [2.0, 3.0]], \"1\": \"key\"}";
    assert_eq!(seen[0].outcome.result_data.as_deref(), Some(expected), "{:?}\n{}", seen[0].outcome, seen[0].output);
    let message = seen[1].outcome.error_message.as_deref().unwrap();
    assert!(message.contains("u[1][0] is Infinity"), "{message}");
}

#[test]
fn what_honest_code_uses_works() {
    let code = "
import asyncio, concurrent.futures, ctypes, getpass, multiprocessing, os, platform, socket, sqlite3, ssl, subprocess
import sys, tempfile, threading, uuid, zoneinfo
def square(x): return x * x
def calculate():
    done = {}
    with multiprocessing.Pool(2) as pool: done['pool'] = pool.map(square, range(4))
    with concurrent.futures.ThreadPoolExecutor(4) as threads: done['threads'] = sum(threads.map(square, range(5)))
    done['subprocess'] = subprocess.run([sys.executable, '-c', 'print(6 * 7)'], capture_output=True, text=True).stdout
    async def later():
        await asyncio.sleep(0.01)
        return (await asyncio.create_subprocess_exec('true')).pid > 0
    done['asyncio'] = asyncio.run(later())
    compare = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
    numbers = (ctypes.c_int * 3)(3, 1, 2)
    ctypes.CDLL(None).qsort(numbers, 3, 4, compare(lambda a, b: a[0] - b[0]))
    done['ctypes'] = list(numbers)
    with tempfile.NamedTemporaryFile() as file: done['tempfile'] = file.write(b'abc')
    base = sqlite3.connect(os.environ['MECAPY_SCRATCH'] + '/x.db')
    done['sqlite'] = base.execute('select 1 + 1').fetchone()[0]
    lock = multiprocessing.Lock()
    with lock: done['lock'] = True
    done['user'] = getpass.getuser()
    done['host'] = socket.gethostname()
    done['cores'] = os.cpu_count() > 0 and len(platform.platform()) > 0 and uuid.uuid4().version == 4
    done['threads_env'] = os.environ['OMP_NUM_THREADS']
    return done
";
    let seen = Case::new("honest", code).run();
    let expected = "{\"pool\": [0, 1, 4, 9], \"threads\": 30, \"subprocess\": \"42\\n\", \"asyncio\": true, \
                    \"ctypes\": [1, 2, 3], \"tempfile\": 3, \"sqlite\": 2, \"lock\": true, \"user\": \"mecapy\", \
                    \"host\": \"mecapy\", \"cores\": true, \"threads_env\": \"1\"}";
    assert_eq!(seen.outcome.result_data.as_deref(), Some(expected), "{:?}\n{}", seen.outcome, seen.output);
}

/// Everything below a folder to a person.
fn give(person: Person, folder: &Path) {
    let owner = format!("{0}:{0}", person.id());
    if rustix::process::geteuid().is_root() {
        assert!(Command::new("chown").args(["-R", "-h", &owner]).arg(folder).status().unwrap().success());
    }
}
