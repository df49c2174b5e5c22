"""A real retailer's sales history as input: read it, import its goods and customers, buy it all again.

The history is "Online Retail" (Chen, D., 2015, UCI Machine Learning Repository, doi 10.24432/C5BW33,
license CC BY 4.0): the invoice lines of a British gift retailer. The file is given by path and is not
part of this repository.
"""
