"Reads settings.ini, the one source of metadata and requirements."
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup

here = Path(__file__).parent
cfg = ConfigParser(delimiters=['='], interpolation=None)
cfg.read(here/'settings.ini', encoding='utf-8')
c = cfg['DEFAULT']
def words(k): return c.get(k, '').split()
readme = here/'README.md'

setup(name=c['lib_name'], version=c['version'], description=c['description'],
      long_description=readme.read_text(encoding='utf-8') if readme.exists() else '', long_description_content_type='text/markdown',
      author=c['author'], license=c['license'], keywords=words('keywords'),
      classifiers=['Programming Language :: Python :: 3', 'Intended Audience :: Education', 'Intended Audience :: Science/Research', 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
      python_requires='>=' + c['min_python'],
      # the embedded images and the configs stand at the top level of a checkout and travel inside the package in a wheel
      packages=[*find_packages(include=['sslkit', 'sslkit.*']), 'sslkit._data', 'sslkit._configs'],
      package_dir={'sslkit._data': 'data', 'sslkit._configs': 'configs'},
      package_data={'sslkit': ['**/*.js', '**/*.css'], 'sslkit._data': ['**/*'], 'sslkit._configs': ['**/*']},
      include_package_data=False, zip_safe=False,
      install_requires=words('requirements'), extras_require={'dev': words('dev_requirements')},
      entry_points={'console_scripts': words('console_scripts'), 'nbdev': ['sslkit = sslkit._modidx:d']})
