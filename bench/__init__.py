"""`make bench`: measures a running shop from outside, beside what the same machine could do at best.

Every figure stands beside its comparison, measured in the same run and in turns with it, because a number
from a machine that others share means nothing alone. Nothing here fails because of a number: it reports.

    reads        what everybody reads, through the gateway   | a bare ASGI app with the same bytes
    orders       POST /orders through the gateway            | the same on the shop of an earlier commit
    limit        POST /orders through the gateway            | pgbench with the same SQL, on the same server
                                                             | the same order in one transaction of one database
    hot          every order on one SKU                      | the same on many SKUs
    flash        a thousand buyers of a hundred pieces       | the same on the shop of an earlier commit
    events       from an event's commit to its effect's      | the same on the shop of an earlier commit
    million      after a million orders and products         | an empty shop
    search       among ten thousand to a million products    | a plain index of the same words
    catalog      a file of products; a thousand variants     | the rows copied into the tables; one variant
    reservations Reserve and Release of inventory            | pgbench with the same SQL
    topologies   one process                                 | three processes that talk gRPC
"""
