"""From typed columns to one matrix of numbers, by the same object for a million rows and for one request.

input column
    A feature column as `data_processing` promises it (:class:`apps.ml.data.processed.ColumnSchema`).
specification
    What happens to each input column, resolved from params.yaml before any row is seen; plain JSON.
transformer
    The specification fitted on the training rows alone. It learns numbers (medians, means, categories, shares) with
    scikit-learn and applies them column by column.
encoded feature
    One float64 column of the matrix, with a name that a person can read: `age`, `purpose=car`, `age is missing`.
source
    The input column an encoded feature was made from; `age × income` for an interaction.
request frame
    The typed frame made of the records of a request; what the transformer takes online.
safe object
    A fitted object in a file that holds no code, whose types are on a list, and whose bytes are the same in every
    process.
"""
