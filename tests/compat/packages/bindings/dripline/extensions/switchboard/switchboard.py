import scarab
from _dripline.core import DriplineError, MsgAlert, MsgReply, MsgRequest, Receiver, op_t

import _dripline.core
from dripline.core import Endpoint, Service, ThrowReply

__all__ = ['Switchboard', 'Line']


class Switchboard(Service):
    '''Builds its messages itself and waits for replies with a receiver.'''

    def __init__(self, **kwargs):
        Service.__init__(self, **kwargs)
        self.receiver = Receiver()

    def ask(self, routing_key, operation, specifier='', values=()):
        request = MsgRequest.create(
            scarab.to_param({'values': list(values)}), op_t.to_op_t(operation), routing_key, specifier
        )
        sent = self.send(request)
        if not sent.successful_send:
            raise ThrowReply('resource_error', sent.send_error_message)
        reply = self.receiver.wait_for_reply(sent, 5000)
        return {
            'return_code': reply.return_code,
            'payload': reply.payload.to_python(),
            'same': reply.correlation_id == request.correlation_id,
        }


class Line(Endpoint):
    '''An endpoint that answers the request itself.'''

    def do_get_request(self, a_request_message):
        if a_request_message.message_operation != op_t.get:
            raise DriplineError('that is no get')
        payload = scarab.ParamNode()
        payload.add('line', scarab.ParamValue(self.name))
        payload.add('asked', scarab.ParamValue(a_request_message.specifier.to_string()))
        return a_request_message.reply(_dripline.core.DL_Success().value, 'connected', payload)

    def tell(self, text):
        alert = MsgAlert.create(payload=scarab.to_param({'text': text}), routing_key=f'line.{self.name}')
        return self.service.send(alert).successful_send
