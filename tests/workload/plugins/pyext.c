/* SPDX-License-Identifier: GPL-2.0-only */
/* An extension of Python: twice(n), which fails for n < 0. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

PyMODINIT_FUNC PyInit_pyext(void);

static PyObject *twice(PyObject *self, PyObject *arg)
{
	long n = PyLong_AsLong(arg);

	(void)self;
	if (n < 0) {
		PyErr_SetString(PyExc_ValueError, "negative");
		return NULL;
	}
	return PyLong_FromLong(2 * n);
}

static PyMethodDef methods[] = { { "twice", twice, METH_O, NULL }, { NULL, NULL, 0, NULL } };
static struct PyModuleDef module = { PyModuleDef_HEAD_INIT, "pyext", NULL, -1, methods,
				     NULL,                  NULL,    NULL, NULL };

PyMODINIT_FUNC PyInit_pyext(void)
{
	return PyModule_Create(&module);
}
