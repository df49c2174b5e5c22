"""Fields that an admin adds to the things of a service, and metadata for machines.

A service says of which of its things (`Entity`), keeps their values in a column `custom_fields` of the thing's table
and what machines note in `metadata`, and has the rest from here: the definitions and their routes, the check of what
is sent, and the list that filters read.

    PRODUCT = Entity("product", filterable=True)
    add_routes(routes, PRODUCT, define=may("catalog.fields.edit"), sees=may("catalog.products.edit"))

    known = await repository.definitions(tx, PRODUCT)
    after = values.merged(known, before.custom_fields, sent, private=True)

Invariants:

- A value fits the definition as it was when the value was written: bounds that become narrower change no thing.
- A field has the type that it was made with. What is defined anew under the same name has no values yet.
- A value is seen while its field is defined; one that is not public by nobody who may not edit the thing.
"""
