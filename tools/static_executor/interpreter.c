/* CPython for one program: the executor. Its modules and those of the standard library lie in a zip file at the end of
 * the executable. Nothing of the machine it runs on is used but the kernel, /proc, and the files that the agent names.
 */
#include <Python.h>
#include <malloc.h>
#include <nss.h>
#include <stdlib.h>

/* The running file, also after another release has taken its place. */
#define ITSELF "/proc/self/exe"

#define MODULE(name, init) extern PyObject *init(void);
#include "modules.h"
#undef MODULE

/* Takes the place of the list in libpython, which would link modules that the executor never imports. */
#define MODULE(name, init) {name, init},
struct _inittab _PyImport_Inittab[] = {
#include "modules.h"
    {"builtins", NULL},
    {"sys", NULL},
    {NULL, NULL},
};

/* Loading modules makes no garbage, and their contents never become any. */
static const char program[] =
    "import gc\n"
    "gc.disable()\n"
    "from podexec.__main__ import run\n"
    "gc.freeze()\n"
    "gc.enable()\n"
    "run()\n";

static void need(PyStatus status)
{
    if (PyStatus_Exception(status))
        Py_ExitStatusException(status);
}

static void be_independent_of_the_machine(void)
{
    /* A few threads that mostly sleep, and 32 MB. */
    mallopt(M_ARENA_MAX, 1);
    /* Other sources of names are shared objects for the machine's own C library, not for this one. */
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
    __nss_configure_lookup("hosts", "files dns");
    /* It may name shared objects as well. */
    setenv("OPENSSL_CONF", "/dev/null", 0);
}

int main(int argc, char **argv)
{
    PyPreConfig before;
    PyConfig config;

    be_independent_of_the_machine();
    PyPreConfig_InitIsolatedConfig(&before);
    before.utf8_mode = 1; /* whatever the agent's locale */
    need(Py_PreInitialize(&before));

    PyConfig_InitIsolatedConfig(&config);
    config.site_import = 0;
    config.write_bytecode = 0;
    config.module_search_paths_set = 1;
    need(PyWideStringList_Append(&config.module_search_paths, L"" ITSELF));
    need(PyConfig_SetString(&config, &config.program_name, L"" ITSELF));
    need(PyConfig_SetString(&config, &config.executable, L"" ITSELF));
    need(PyConfig_SetString(&config, &config.home, L"/nonexistent"));
    need(PyConfig_SetBytesArgv(&config, argc, argv));
    need(Py_InitializeFromConfig(&config));
    PyConfig_Clear(&config);
    /* It ends the process itself, unless it cannot be imported. */
    return PyRun_SimpleString(program) ? 1 : 0;
}
