"Imported once by the process that the tests' children are forked from"
import torch, fastai.basics, fastai.callback.progress, sslkit.core.parallel, sslkit.data.loaders, sslkit.methods.moco
